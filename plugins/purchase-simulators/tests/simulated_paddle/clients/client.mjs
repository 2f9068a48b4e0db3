// Paddle's own SDK for node, against the simulator: reads {url, key, webhook} from stdin, prints what it saw.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

const { Paddle } = createRequire(process.argv[2] + "/")("@paddle/paddle-node-sdk");
const { url, key, webhook } = JSON.parse(readFileSync(0, "utf8"));
const paddle = new Paddle(key, { environment: url });
const seen = {};

const customer = await paddle.customers.create({ email: "node@example.com", name: "Node" });
seen.customer = customer.id;
try {
  await paddle.customers.create({ email: "node@example.com" });
} catch (error) {
  seen.conflict = [error.code, error.detail];
}
const product = await paddle.products.create({ name: "App", taxCategory: "standard" });
const price = await paddle.prices.create({
  description: "Pro", productId: product.id, unitPrice: { amount: "1200", currencyCode: "USD" },
  billingCycle: { interval: "month", frequency: 1 },
});
const transaction = await paddle.transactions.create({ items: [{ priceId: price.id, quantity: 2 }], customerId: customer.id });
seen.transaction = [transaction.status, transaction.details.totals.total, transaction.checkout.url.includes(transaction.id)];
await fetch(`${url}/simulator/transactions/${transaction.id}/pay`, {
  method: "POST", headers: { authorization: `Bearer ${key}` }, body: "{}",
});
const paid = await paddle.transactions.get(transaction.id);
seen.paid = paid.status;
const subscription = await paddle.subscriptions.get(paid.subscriptionId);
seen.subscription = [subscription.status, subscription.items[0].quantity];
const preview = await paddle.subscriptions.previewUpdate(subscription.id, {
  items: [{ priceId: price.id, quantity: 3 }], prorationBillingMode: "prorated_immediately",
});
seen.preview = preview.updateSummary.result.action;
const changed = await paddle.subscriptions.update(subscription.id, {
  items: [{ priceId: price.id, quantity: 3 }], prorationBillingMode: "prorated_immediately",
});
seen.changed = changed.items[0].quantity;
const cancelled = await paddle.subscriptions.cancel(subscription.id, { effectiveFrom: "next_billing_period" });
seen.scheduled = cancelled.scheduledChange.action;
const undone = await paddle.subscriptions.update(subscription.id, { scheduledChange: null });
seen.undone = undone.scheduledChange;
const adjustment = await paddle.adjustments.create({
  action: "refund", transactionId: transaction.id, reason: "asked", type: "full",
});
seen.adjustment = [adjustment.status, adjustment.totals.total];
const portal = await paddle.customerPortalSessions.create(customer.id, [subscription.id]);
seen.portal = portal.urls.subscriptions[0].id === subscription.id;
seen.events = 0;
for await (const event of paddle.events.list({ perPage: 5 })) seen.events += event.eventId ? 1 : 0;
seen.customers = [];
const listing = paddle.customers.list({ perPage: 1 });
for await (const one of listing) seen.customers.push(one.email);

if (webhook) {
  // The SDK takes a signature for five seconds; a busy machine needs longer to get here, so its clock stands still.
  const signed = 1000 * Number(/ts=(\d+)/.exec(webhook.signature)[1]);
  globalThis.Date = class extends Date {
    constructor(...given) { super(...(given.length ? given : [signed])); }
  };
  const event = await paddle.webhooks.unmarshal(webhook.body, webhook.secret, webhook.signature);
  seen.webhook = [event.eventType, event.data.id];
  seen.signatures = [
    await paddle.webhooks.isSignatureValid(webhook.body, webhook.secret, webhook.signature),
    await paddle.webhooks.isSignatureValid(webhook.body + " ", webhook.secret, webhook.signature),
    await paddle.webhooks.isSignatureValid(webhook.body, webhook.secret + "x", webhook.signature),
  ];
}
console.log(JSON.stringify(seen));
