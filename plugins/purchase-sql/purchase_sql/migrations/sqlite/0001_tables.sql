-- The first tables. Names carry the application's prefix; instants are microseconds since the epoch, UTC.
-- Every statement may be run again, and none begins or ends a transaction: whoever runs them does.

CREATE TABLE IF NOT EXISTS "{prefix}schema_version" (
    version INTEGER NOT NULL,
    migrated_at INTEGER NOT NULL,
    CONSTRAINT "{prefix}schema_version_pk" PRIMARY KEY (version)
) WITHOUT ROWID, STRICT;

CREATE TABLE IF NOT EXISTS "{prefix}batches" (
    id TEXT NOT NULL,
    committed_at INTEGER NOT NULL,
    CONSTRAINT "{prefix}batches_pk" PRIMARY KEY (id),
    CONSTRAINT "{prefix}batches_once" CHECK (id <> '')
) WITHOUT ROWID, STRICT;

CREATE TABLE IF NOT EXISTS "{prefix}lanes" (
    lane TEXT NOT NULL,
    version INTEGER NOT NULL,
    document BLOB NOT NULL,
    linked_to TEXT NOT NULL,
    reducer INTEGER NOT NULL,
    erased INTEGER NOT NULL,
    CONSTRAINT "{prefix}lanes_pk" PRIMARY KEY (lane),
    CONSTRAINT "{prefix}lanes_expected" CHECK (version > 0)
) WITHOUT ROWID, STRICT;

CREATE INDEX IF NOT EXISTS "{prefix}lanes_linked_to" ON "{prefix}lanes" (linked_to) WHERE linked_to <> '';

CREATE TABLE IF NOT EXISTS "{prefix}facts" (
    "key" TEXT NOT NULL,
    lane TEXT NOT NULL,
    position INTEGER NOT NULL,
    object TEXT NOT NULL,
    kind TEXT NOT NULL,
    seen_at INTEGER NOT NULL,
    digest TEXT NOT NULL,
    final INTEGER NOT NULL,
    body TEXT NOT NULL,
    recorded_at INTEGER NOT NULL,
    cause TEXT NOT NULL,
    CONSTRAINT "{prefix}facts_pk" PRIMARY KEY ("key"),
    CONSTRAINT "{prefix}facts_same" CHECK (digest <> '')
) STRICT;

CREATE UNIQUE INDEX IF NOT EXISTS "{prefix}facts_lane" ON "{prefix}facts" (lane, position);

CREATE INDEX IF NOT EXISTS "{prefix}facts_object" ON "{prefix}facts" (object);

CREATE TABLE IF NOT EXISTS "{prefix}clusters" (
    root TEXT NOT NULL,
    lane TEXT NOT NULL,
    registers TEXT NOT NULL,
    CONSTRAINT "{prefix}clusters_pk" PRIMARY KEY (root)
) WITHOUT ROWID, STRICT;

CREATE INDEX IF NOT EXISTS "{prefix}clusters_lane" ON "{prefix}clusters" (lane);

CREATE TABLE IF NOT EXISTS "{prefix}object_references" (
    object TEXT NOT NULL,
    lane TEXT NOT NULL,
    root TEXT NOT NULL,
    CONSTRAINT "{prefix}object_references_pk" PRIMARY KEY (object)
) WITHOUT ROWID, STRICT;

CREATE INDEX IF NOT EXISTS "{prefix}object_references_lane" ON "{prefix}object_references" (lane, object);

CREATE INDEX IF NOT EXISTS "{prefix}object_references_root" ON "{prefix}object_references" (root);

CREATE TABLE IF NOT EXISTS "{prefix}price_references" (
    connection TEXT NOT NULL,
    price TEXT NOT NULL,
    offer TEXT NOT NULL,
    version TEXT NOT NULL,
    currency TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    ended_at INTEGER,
    variant TEXT NOT NULL,
    CONSTRAINT "{prefix}price_references_pk" PRIMARY KEY (connection, price, currency),
    CONSTRAINT "{prefix}prices_same" CHECK (version <> '')
) WITHOUT ROWID, STRICT;

CREATE INDEX IF NOT EXISTS "{prefix}prices_on_sale" ON "{prefix}price_references" (connection, version, currency, variant, created_at, price) WHERE ended_at IS NULL;

CREATE TABLE IF NOT EXISTS "{prefix}offer_versions" (
    hash TEXT NOT NULL,
    offer TEXT NOT NULL,
    body TEXT NOT NULL,
    CONSTRAINT "{prefix}offer_versions_pk" PRIMARY KEY (hash)
) WITHOUT ROWID, STRICT;

CREATE TABLE IF NOT EXISTS "{prefix}commands" (
    "key" TEXT NOT NULL,
    id TEXT NOT NULL,
    kind TEXT NOT NULL,
    lane TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    state TEXT NOT NULL,
    connection TEXT NOT NULL,
    reference TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    stages TEXT NOT NULL,
    decision BLOB NOT NULL,
    request BLOB NOT NULL,
    result BLOB NOT NULL,
    CONSTRAINT "{prefix}commands_pk" PRIMARY KEY ("key"),
    CONSTRAINT "{prefix}commands_same" CHECK (id <> '')
) STRICT;

CREATE UNIQUE INDEX IF NOT EXISTS "{prefix}commands_id" ON "{prefix}commands" (id);

CREATE INDEX IF NOT EXISTS "{prefix}commands_lane" ON "{prefix}commands" (lane, "key");

CREATE INDEX IF NOT EXISTS "{prefix}commands_open" ON "{prefix}commands" (updated_at, "key") WHERE state IN ('planned', 'sending', 'unknown');

CREATE TABLE IF NOT EXISTS "{prefix}deliveries" (
    id TEXT NOT NULL,
    connection TEXT NOT NULL,
    event_id TEXT NOT NULL,
    event_type TEXT NOT NULL,
    object TEXT NOT NULL,
    occurred_at INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    headers TEXT NOT NULL,
    source TEXT NOT NULL,
    state TEXT NOT NULL,
    reason TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    available_at INTEGER NOT NULL,
    fence INTEGER NOT NULL,
    code TEXT NOT NULL,
    body BLOB NOT NULL,
    leased_until INTEGER,
    CONSTRAINT "{prefix}deliveries_pk" PRIMARY KEY (id),
    CONSTRAINT "{prefix}deliveries_once" CHECK (attempts >= 0),
    CONSTRAINT "{prefix}deliveries_held" CHECK (fence >= 0)
) STRICT;

CREATE UNIQUE INDEX IF NOT EXISTS "{prefix}deliveries_event" ON "{prefix}deliveries" (connection, event_id);

CREATE INDEX IF NOT EXISTS "{prefix}deliveries_pending" ON "{prefix}deliveries" (available_at, id) WHERE state = 'pending';

CREATE INDEX IF NOT EXISTS "{prefix}deliveries_state" ON "{prefix}deliveries" (state, id) WHERE state <> 'done';

CREATE TABLE IF NOT EXISTS "{prefix}effects" (
    "key" TEXT NOT NULL,
    name TEXT NOT NULL,
    lane TEXT NOT NULL,
    lane_version INTEGER NOT NULL,
    position INTEGER NOT NULL,
    about TEXT NOT NULL,
    at INTEGER NOT NULL,
    CONSTRAINT "{prefix}effects_pk" PRIMARY KEY ("key")
) WITHOUT ROWID, STRICT;

CREATE INDEX IF NOT EXISTS "{prefix}effects_lane" ON "{prefix}effects" (lane, lane_version, position);

CREATE TABLE IF NOT EXISTS "{prefix}customer_details" (
    customer TEXT NOT NULL,
    body BLOB NOT NULL,
    updated_at INTEGER NOT NULL,
    CONSTRAINT "{prefix}customer_details_pk" PRIMARY KEY (customer)
) WITHOUT ROWID, STRICT;

CREATE TABLE IF NOT EXISTS "{prefix}subscribers" (
    name TEXT NOT NULL,
    CONSTRAINT "{prefix}subscribers_pk" PRIMARY KEY (name)
) WITHOUT ROWID, STRICT;

CREATE TABLE IF NOT EXISTS "{prefix}mailboxes" (
    subscriber TEXT NOT NULL,
    lane TEXT NOT NULL,
    told INTEGER NOT NULL,
    newest INTEGER NOT NULL,
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    available_at INTEGER NOT NULL,
    reason TEXT NOT NULL,
    fence INTEGER NOT NULL,
    leased_until INTEGER,
    CONSTRAINT "{prefix}mailboxes_pk" PRIMARY KEY (subscriber, lane),
    CONSTRAINT "{prefix}mailboxes_held" CHECK (fence >= 0)
) WITHOUT ROWID, STRICT;

CREATE INDEX IF NOT EXISTS "{prefix}mailboxes_state" ON "{prefix}mailboxes" (subscriber, state, lane) WHERE state <> 'idle';

CREATE INDEX IF NOT EXISTS "{prefix}mailboxes_waiting" ON "{prefix}mailboxes" (subscriber, available_at, lane) WHERE state = 'waiting';

CREATE TABLE IF NOT EXISTS "{prefix}runs" (
    id TEXT NOT NULL,
    kind TEXT NOT NULL,
    scope TEXT NOT NULL,
    state TEXT NOT NULL,
    code TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    cursor TEXT NOT NULL,
    counts TEXT NOT NULL,
    note TEXT NOT NULL,
    CONSTRAINT "{prefix}runs_pk" PRIMARY KEY (id)
) WITHOUT ROWID, STRICT;

CREATE INDEX IF NOT EXISTS "{prefix}runs_kind" ON "{prefix}runs" (kind, id);

CREATE TABLE IF NOT EXISTS "{prefix}movements" (
    "key" TEXT NOT NULL,
    lane TEXT NOT NULL,
    kind TEXT NOT NULL,
    unit TEXT NOT NULL,
    at INTEGER NOT NULL,
    legs TEXT NOT NULL,
    cause TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    answer TEXT NOT NULL,
    reason TEXT NOT NULL,
    position INTEGER NOT NULL,
    hash TEXT NOT NULL,
    CONSTRAINT "{prefix}movements_pk" PRIMARY KEY ("key"),
    CONSTRAINT "{prefix}movements_once" CHECK (hash <> '')
) WITHOUT ROWID, STRICT;

CREATE UNIQUE INDEX IF NOT EXISTS "{prefix}movements_lane" ON "{prefix}movements" (lane, position);

CREATE TABLE IF NOT EXISTS "{prefix}intents" (
    "key" TEXT NOT NULL,
    lane TEXT NOT NULL,
    root TEXT NOT NULL,
    customer TEXT NOT NULL,
    offer TEXT NOT NULL,
    version TEXT NOT NULL,
    product TEXT NOT NULL,
    quantity INTEGER NOT NULL,
    unit_amount INTEGER NOT NULL,
    currency TEXT NOT NULL,
    trial_days INTEGER NOT NULL,
    status TEXT NOT NULL,
    settled_by TEXT NOT NULL,
    connection TEXT NOT NULL,
    session TEXT NOT NULL,
    placed_at INTEGER NOT NULL,
    CONSTRAINT "{prefix}intents_pk" PRIMARY KEY ("key")
) WITHOUT ROWID, STRICT;

CREATE INDEX IF NOT EXISTS "{prefix}intents_lane" ON "{prefix}intents" (lane, "key");

CREATE INDEX IF NOT EXISTS "{prefix}intents_newest" ON "{prefix}intents" (lane, placed_at, "key");

CREATE INDEX IF NOT EXISTS "{prefix}intents_placed" ON "{prefix}intents" (placed_at, "key");

CREATE TABLE IF NOT EXISTS "{prefix}subscriptions" (
    "key" TEXT NOT NULL,
    lane TEXT NOT NULL,
    root TEXT NOT NULL,
    connection TEXT NOT NULL,
    provider_id TEXT NOT NULL,
    provider_customer TEXT NOT NULL,
    intent TEXT NOT NULL,
    status TEXT NOT NULL,
    bound INTEGER NOT NULL,
    contested INTEGER NOT NULL,
    version TEXT NOT NULL,
    quantity INTEGER NOT NULL,
    unit_amount INTEGER NOT NULL,
    currency TEXT NOT NULL,
    items TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    period_start INTEGER NOT NULL,
    period_end INTEGER NOT NULL,
    trial_end INTEGER,
    cancel_at INTEGER,
    ended_at INTEGER,
    collecting INTEGER NOT NULL,
    resumes_at INTEGER,
    next_items TEXT NOT NULL,
    next_items_at INTEGER,
    replaces TEXT NOT NULL,
    seen_at INTEGER NOT NULL,
    CONSTRAINT "{prefix}subscriptions_pk" PRIMARY KEY ("key")
) WITHOUT ROWID, STRICT;

CREATE INDEX IF NOT EXISTS "{prefix}due_period_ends" ON "{prefix}subscriptions" (period_end, "key") WHERE bound AND NOT status IN ('canceled', 'incomplete_expired');

CREATE INDEX IF NOT EXISTS "{prefix}due_trial_ends" ON "{prefix}subscriptions" (trial_end, "key") WHERE status = 'trialing';

CREATE INDEX IF NOT EXISTS "{prefix}due_unpaid_from" ON "{prefix}subscriptions" (period_start, "key") WHERE status = 'past_due';

CREATE INDEX IF NOT EXISTS "{prefix}subscriptions_held" ON "{prefix}subscriptions" (connection, version, currency) WHERE bound AND NOT status IN ('canceled', 'incomplete_expired');

CREATE INDEX IF NOT EXISTS "{prefix}subscriptions_lane" ON "{prefix}subscriptions" (lane, "key");

CREATE TABLE IF NOT EXISTS "{prefix}invoices" (
    "key" TEXT NOT NULL,
    lane TEXT NOT NULL,
    root TEXT NOT NULL,
    connection TEXT NOT NULL,
    provider_id TEXT NOT NULL,
    provider_customer TEXT NOT NULL,
    subscription TEXT NOT NULL,
    intent TEXT NOT NULL,
    reason TEXT NOT NULL,
    status TEXT NOT NULL,
    "match" TEXT NOT NULL,
    contested INTEGER NOT NULL,
    currency TEXT NOT NULL,
    total INTEGER NOT NULL,
    paid INTEGER NOT NULL,
    refunded INTEGER NOT NULL,
    refunding INTEGER NOT NULL,
    disputed INTEGER NOT NULL,
    paid_at INTEGER,
    due_at INTEGER,
    action TEXT NOT NULL,
    seen_at INTEGER NOT NULL,
    CONSTRAINT "{prefix}invoices_pk" PRIMARY KEY ("key")
) WITHOUT ROWID, STRICT;

CREATE INDEX IF NOT EXISTS "{prefix}due_bill_asked" ON "{prefix}invoices" (due_at, "key") WHERE status = 'open';

CREATE INDEX IF NOT EXISTS "{prefix}invoices_lane" ON "{prefix}invoices" (lane, "key");

CREATE INDEX IF NOT EXISTS "{prefix}invoices_newest" ON "{prefix}invoices" (lane, seen_at, "key");

CREATE INDEX IF NOT EXISTS "{prefix}invoices_open" ON "{prefix}invoices" (lane, seen_at, "key") WHERE status = 'open';

CREATE TABLE IF NOT EXISTS "{prefix}refunds" (
    "key" TEXT NOT NULL,
    lane TEXT NOT NULL,
    root TEXT NOT NULL,
    connection TEXT NOT NULL,
    provider_id TEXT NOT NULL,
    invoice TEXT NOT NULL,
    command TEXT NOT NULL,
    status TEXT NOT NULL,
    currency TEXT NOT NULL,
    amount INTEGER NOT NULL,
    seen_at INTEGER NOT NULL,
    CONSTRAINT "{prefix}refunds_pk" PRIMARY KEY ("key")
) WITHOUT ROWID, STRICT;

CREATE INDEX IF NOT EXISTS "{prefix}refunds_lane" ON "{prefix}refunds" (lane, "key");

CREATE INDEX IF NOT EXISTS "{prefix}refunds_stuck" ON "{prefix}refunds" (amount, "key") WHERE status IN ('failed', 'rejected');

CREATE TABLE IF NOT EXISTS "{prefix}disputes" (
    "key" TEXT NOT NULL,
    lane TEXT NOT NULL,
    root TEXT NOT NULL,
    connection TEXT NOT NULL,
    provider_id TEXT NOT NULL,
    invoice TEXT NOT NULL,
    status TEXT NOT NULL,
    currency TEXT NOT NULL,
    amount INTEGER NOT NULL,
    seen_at INTEGER NOT NULL,
    CONSTRAINT "{prefix}disputes_pk" PRIMARY KEY ("key")
) WITHOUT ROWID, STRICT;

CREATE INDEX IF NOT EXISTS "{prefix}disputes_lane" ON "{prefix}disputes" (lane, "key");

CREATE TABLE IF NOT EXISTS "{prefix}purchases" (
    "key" TEXT NOT NULL,
    lane TEXT NOT NULL,
    root TEXT NOT NULL,
    connection TEXT NOT NULL,
    intent TEXT NOT NULL,
    product TEXT NOT NULL,
    version TEXT NOT NULL,
    quantity INTEGER NOT NULL,
    currency TEXT NOT NULL,
    due INTEGER NOT NULL,
    paid INTEGER NOT NULL,
    refunded INTEGER NOT NULL,
    disputed INTEGER NOT NULL,
    lost INTEGER NOT NULL,
    purchased_at INTEGER NOT NULL,
    CONSTRAINT "{prefix}purchases_pk" PRIMARY KEY ("key")
) WITHOUT ROWID, STRICT;

CREATE INDEX IF NOT EXISTS "{prefix}purchases_lane" ON "{prefix}purchases" (lane, "key");

CREATE INDEX IF NOT EXISTS "{prefix}purchases_newest" ON "{prefix}purchases" (lane, purchased_at, "key");

CREATE TABLE IF NOT EXISTS "{prefix}lots" (
    "key" TEXT NOT NULL,
    lane TEXT NOT NULL,
    root TEXT NOT NULL,
    unit TEXT NOT NULL,
    version TEXT NOT NULL,
    invoice TEXT NOT NULL,
    granted INTEGER NOT NULL,
    clawed INTEGER NOT NULL,
    granted_at INTEGER NOT NULL,
    expires_at INTEGER,
    CONSTRAINT "{prefix}lots_pk" PRIMARY KEY ("key")
) WITHOUT ROWID, STRICT;

CREATE INDEX IF NOT EXISTS "{prefix}due_lot_expires" ON "{prefix}lots" (expires_at, "key") WHERE expires_at IS NOT NULL;

CREATE INDEX IF NOT EXISTS "{prefix}lots_lane" ON "{prefix}lots" (lane, "key");

CREATE INDEX IF NOT EXISTS "{prefix}lots_newest" ON "{prefix}lots" (lane, granted_at, "key");

CREATE TABLE IF NOT EXISTS "{prefix}cases" (
    "key" TEXT NOT NULL,
    lane TEXT NOT NULL,
    root TEXT NOT NULL,
    kind TEXT NOT NULL,
    about TEXT NOT NULL,
    detail TEXT NOT NULL,
    provider_customer TEXT NOT NULL,
    amount INTEGER NOT NULL,
    currency TEXT NOT NULL,
    opened_at INTEGER NOT NULL,
    status TEXT NOT NULL,
    decision TEXT NOT NULL,
    CONSTRAINT "{prefix}cases_pk" PRIMARY KEY ("key")
) WITHOUT ROWID, STRICT;

CREATE INDEX IF NOT EXISTS "{prefix}cases_kind" ON "{prefix}cases" (kind, status, "key");

CREATE INDEX IF NOT EXISTS "{prefix}cases_lane" ON "{prefix}cases" (lane, "key");

CREATE INDEX IF NOT EXISTS "{prefix}cases_open" ON "{prefix}cases" (amount, "key") WHERE status = 'open';

CREATE INDEX IF NOT EXISTS "{prefix}cases_open_key" ON "{prefix}cases" ("key") WHERE status = 'open';

CREATE INDEX IF NOT EXISTS "{prefix}cases_resolved_key" ON "{prefix}cases" ("key") WHERE status = 'resolved';

CREATE TABLE IF NOT EXISTS "{prefix}spendings" (
    "key" TEXT NOT NULL,
    lane TEXT NOT NULL,
    unit TEXT NOT NULL,
    lot TEXT NOT NULL,
    cause TEXT NOT NULL,
    kind TEXT NOT NULL,
    spent INTEGER NOT NULL,
    held INTEGER NOT NULL,
    held_until INTEGER,
    at INTEGER NOT NULL,
    CONSTRAINT "{prefix}spendings_pk" PRIMARY KEY ("key")
) WITHOUT ROWID, STRICT;

CREATE INDEX IF NOT EXISTS "{prefix}spendings_lane" ON "{prefix}spendings" (lane, "key");

CREATE TABLE IF NOT EXISTS "{prefix}lots_drawn" (
    "key" TEXT NOT NULL,
    lane TEXT NOT NULL,
    unit TEXT NOT NULL,
    drawn INTEGER NOT NULL,
    CONSTRAINT "{prefix}lots_drawn_pk" PRIMARY KEY ("key")
) WITHOUT ROWID, STRICT;

CREATE INDEX IF NOT EXISTS "{prefix}lots_drawn_lane" ON "{prefix}lots_drawn" (lane, "key");

CREATE TABLE IF NOT EXISTS "{prefix}usage" (
    "key" TEXT NOT NULL,
    lane TEXT NOT NULL,
    quota TEXT NOT NULL,
    window_start INTEGER NOT NULL,
    window_end INTEGER,
    used INTEGER NOT NULL,
    CONSTRAINT "{prefix}usage_pk" PRIMARY KEY ("key")
) WITHOUT ROWID, STRICT;

CREATE INDEX IF NOT EXISTS "{prefix}usage_lane" ON "{prefix}usage" (lane, "key");
