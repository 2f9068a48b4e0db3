-- The first tables. Names carry the application's prefix; instants are microseconds since the epoch, UTC.
-- Every statement may be run again, and none begins or ends a transaction: whoever runs them does.

CREATE TABLE IF NOT EXISTS {schema}"{prefix}schema_version" (
    version BIGINT NOT NULL,
    migrated_at BIGINT NOT NULL,
    CONSTRAINT "{prefix}schema_version_pk" PRIMARY KEY (version)
);

CREATE TABLE IF NOT EXISTS {schema}"{prefix}batches" (
    id TEXT COLLATE "C" NOT NULL,
    committed_at BIGINT NOT NULL,
    CONSTRAINT "{prefix}batches_pk" PRIMARY KEY (id),
    CONSTRAINT "{prefix}batches_once" CHECK (id <> '')
);

CREATE TABLE IF NOT EXISTS {schema}"{prefix}lanes" (
    lane TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL,
    document BYTEA NOT NULL,
    linked_to TEXT COLLATE "C" NOT NULL,
    reducer BIGINT NOT NULL,
    erased BOOLEAN NOT NULL,
    CONSTRAINT "{prefix}lanes_pk" PRIMARY KEY (lane),
    CONSTRAINT "{prefix}lanes_expected" CHECK (version > 0)
);

CREATE INDEX IF NOT EXISTS "{prefix}lanes_linked_to" ON {schema}"{prefix}lanes" (linked_to) WHERE linked_to <> '';

CREATE TABLE IF NOT EXISTS {schema}"{prefix}facts" (
    key TEXT COLLATE "C" NOT NULL,
    lane TEXT COLLATE "C" NOT NULL,
    position BIGINT NOT NULL,
    object TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    seen_at BIGINT NOT NULL,
    digest TEXT COLLATE "C" NOT NULL,
    final BOOLEAN NOT NULL,
    body TEXT COLLATE "C" NOT NULL,
    recorded_at BIGINT NOT NULL,
    cause TEXT COLLATE "C" NOT NULL,
    CONSTRAINT "{prefix}facts_pk" PRIMARY KEY (key),
    CONSTRAINT "{prefix}facts_same" CHECK (digest <> '')
);

CREATE UNIQUE INDEX IF NOT EXISTS "{prefix}facts_lane" ON {schema}"{prefix}facts" (lane, position);

CREATE INDEX IF NOT EXISTS "{prefix}facts_object" ON {schema}"{prefix}facts" (object);

CREATE TABLE IF NOT EXISTS {schema}"{prefix}clusters" (
    root TEXT COLLATE "C" NOT NULL,
    lane TEXT COLLATE "C" NOT NULL,
    registers TEXT COLLATE "C" NOT NULL,
    CONSTRAINT "{prefix}clusters_pk" PRIMARY KEY (root)
);

CREATE INDEX IF NOT EXISTS "{prefix}clusters_lane" ON {schema}"{prefix}clusters" (lane);

CREATE TABLE IF NOT EXISTS {schema}"{prefix}object_references" (
    object TEXT COLLATE "C" NOT NULL,
    lane TEXT COLLATE "C" NOT NULL,
    root TEXT COLLATE "C" NOT NULL,
    CONSTRAINT "{prefix}object_references_pk" PRIMARY KEY (object)
);

CREATE INDEX IF NOT EXISTS "{prefix}object_references_lane" ON {schema}"{prefix}object_references" (lane, object);

CREATE INDEX IF NOT EXISTS "{prefix}object_references_root" ON {schema}"{prefix}object_references" (root);

CREATE TABLE IF NOT EXISTS {schema}"{prefix}price_references" (
    connection TEXT COLLATE "C" NOT NULL,
    price TEXT COLLATE "C" NOT NULL,
    offer TEXT COLLATE "C" NOT NULL,
    version TEXT COLLATE "C" NOT NULL,
    currency TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    ended_at BIGINT,
    variant TEXT COLLATE "C" NOT NULL,
    CONSTRAINT "{prefix}price_references_pk" PRIMARY KEY (connection, price, currency),
    CONSTRAINT "{prefix}prices_same" CHECK (version <> '')
);

CREATE INDEX IF NOT EXISTS "{prefix}prices_on_sale" ON {schema}"{prefix}price_references" (connection, version, currency, variant, created_at, price) WHERE ended_at IS NULL;

CREATE TABLE IF NOT EXISTS {schema}"{prefix}offer_versions" (
    hash TEXT COLLATE "C" NOT NULL,
    offer TEXT COLLATE "C" NOT NULL,
    body TEXT COLLATE "C" NOT NULL,
    CONSTRAINT "{prefix}offer_versions_pk" PRIMARY KEY (hash)
);

CREATE TABLE IF NOT EXISTS {schema}"{prefix}commands" (
    key TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    lane TEXT COLLATE "C" NOT NULL,
    fingerprint TEXT COLLATE "C" NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    connection TEXT COLLATE "C" NOT NULL,
    reference TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    stages TEXT COLLATE "C" NOT NULL,
    decision BYTEA NOT NULL,
    request BYTEA NOT NULL,
    result BYTEA NOT NULL,
    CONSTRAINT "{prefix}commands_pk" PRIMARY KEY (key),
    CONSTRAINT "{prefix}commands_same" CHECK (id <> '')
);

CREATE UNIQUE INDEX IF NOT EXISTS "{prefix}commands_id" ON {schema}"{prefix}commands" (id);

CREATE INDEX IF NOT EXISTS "{prefix}commands_lane" ON {schema}"{prefix}commands" (lane, key);

CREATE INDEX IF NOT EXISTS "{prefix}commands_open" ON {schema}"{prefix}commands" (updated_at, key) WHERE state IN ('planned', 'sending', 'unknown');

CREATE TABLE IF NOT EXISTS {schema}"{prefix}deliveries" (
    id TEXT COLLATE "C" NOT NULL,
    connection TEXT COLLATE "C" NOT NULL,
    event_id TEXT COLLATE "C" NOT NULL,
    event_type TEXT COLLATE "C" NOT NULL,
    object TEXT COLLATE "C" NOT NULL,
    occurred_at BIGINT NOT NULL,
    received_at BIGINT NOT NULL,
    headers TEXT COLLATE "C" NOT NULL,
    source TEXT COLLATE "C" NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    reason TEXT COLLATE "C" NOT NULL,
    attempts BIGINT NOT NULL,
    available_at BIGINT NOT NULL,
    fence BIGINT NOT NULL,
    code TEXT COLLATE "C" NOT NULL,
    body BYTEA NOT NULL,
    leased_until BIGINT,
    CONSTRAINT "{prefix}deliveries_pk" PRIMARY KEY (id),
    CONSTRAINT "{prefix}deliveries_once" CHECK (attempts >= 0),
    CONSTRAINT "{prefix}deliveries_held" CHECK (fence >= 0)
);

CREATE UNIQUE INDEX IF NOT EXISTS "{prefix}deliveries_event" ON {schema}"{prefix}deliveries" (connection, event_id);

CREATE INDEX IF NOT EXISTS "{prefix}deliveries_pending" ON {schema}"{prefix}deliveries" (available_at, id) WHERE state = 'pending';

CREATE INDEX IF NOT EXISTS "{prefix}deliveries_state" ON {schema}"{prefix}deliveries" (state, id) WHERE state <> 'done';

CREATE TABLE IF NOT EXISTS {schema}"{prefix}effects" (
    key TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    lane TEXT COLLATE "C" NOT NULL,
    lane_version BIGINT NOT NULL,
    position BIGINT NOT NULL,
    about TEXT COLLATE "C" NOT NULL,
    at BIGINT NOT NULL,
    CONSTRAINT "{prefix}effects_pk" PRIMARY KEY (key)
);

CREATE INDEX IF NOT EXISTS "{prefix}effects_lane" ON {schema}"{prefix}effects" (lane, lane_version, position);

CREATE TABLE IF NOT EXISTS {schema}"{prefix}customer_details" (
    customer TEXT COLLATE "C" NOT NULL,
    body BYTEA NOT NULL,
    updated_at BIGINT NOT NULL,
    CONSTRAINT "{prefix}customer_details_pk" PRIMARY KEY (customer)
);

CREATE TABLE IF NOT EXISTS {schema}"{prefix}subscribers" (
    name TEXT COLLATE "C" NOT NULL,
    CONSTRAINT "{prefix}subscribers_pk" PRIMARY KEY (name)
);

CREATE TABLE IF NOT EXISTS {schema}"{prefix}mailboxes" (
    subscriber TEXT COLLATE "C" NOT NULL,
    lane TEXT COLLATE "C" NOT NULL,
    told BIGINT NOT NULL,
    newest BIGINT NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    attempts BIGINT NOT NULL,
    available_at BIGINT NOT NULL,
    reason TEXT COLLATE "C" NOT NULL,
    fence BIGINT NOT NULL,
    leased_until BIGINT,
    CONSTRAINT "{prefix}mailboxes_pk" PRIMARY KEY (subscriber, lane),
    CONSTRAINT "{prefix}mailboxes_held" CHECK (fence >= 0)
);

CREATE INDEX IF NOT EXISTS "{prefix}mailboxes_state" ON {schema}"{prefix}mailboxes" (subscriber, state, lane) WHERE state <> 'idle';

CREATE INDEX IF NOT EXISTS "{prefix}mailboxes_waiting" ON {schema}"{prefix}mailboxes" (subscriber, available_at, lane) WHERE state = 'waiting';

CREATE TABLE IF NOT EXISTS {schema}"{prefix}runs" (
    id TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    scope TEXT COLLATE "C" NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    code TEXT COLLATE "C" NOT NULL,
    started_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    cursor TEXT COLLATE "C" NOT NULL,
    counts TEXT COLLATE "C" NOT NULL,
    note TEXT COLLATE "C" NOT NULL,
    CONSTRAINT "{prefix}runs_pk" PRIMARY KEY (id)
);

CREATE INDEX IF NOT EXISTS "{prefix}runs_kind" ON {schema}"{prefix}runs" (kind, id);

CREATE TABLE IF NOT EXISTS {schema}"{prefix}movements" (
    key TEXT COLLATE "C" NOT NULL,
    lane TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    unit TEXT COLLATE "C" NOT NULL,
    at BIGINT NOT NULL,
    legs TEXT COLLATE "C" NOT NULL,
    cause TEXT COLLATE "C" NOT NULL,
    fingerprint TEXT COLLATE "C" NOT NULL,
    answer TEXT COLLATE "C" NOT NULL,
    reason TEXT COLLATE "C" NOT NULL,
    position BIGINT NOT NULL,
    hash TEXT COLLATE "C" NOT NULL,
    CONSTRAINT "{prefix}movements_pk" PRIMARY KEY (key),
    CONSTRAINT "{prefix}movements_once" CHECK (hash <> '')
);

CREATE UNIQUE INDEX IF NOT EXISTS "{prefix}movements_lane" ON {schema}"{prefix}movements" (lane, position);

CREATE TABLE IF NOT EXISTS {schema}"{prefix}intents" (
    key TEXT COLLATE "C" NOT NULL,
    lane TEXT COLLATE "C" NOT NULL,
    root TEXT COLLATE "C" NOT NULL,
    customer TEXT COLLATE "C" NOT NULL,
    offer TEXT COLLATE "C" NOT NULL,
    version TEXT COLLATE "C" NOT NULL,
    product TEXT COLLATE "C" NOT NULL,
    quantity BIGINT NOT NULL,
    unit_amount BIGINT NOT NULL,
    currency TEXT COLLATE "C" NOT NULL,
    trial_days BIGINT NOT NULL,
    status TEXT COLLATE "C" NOT NULL,
    settled_by TEXT COLLATE "C" NOT NULL,
    connection TEXT COLLATE "C" NOT NULL,
    session TEXT COLLATE "C" NOT NULL,
    placed_at BIGINT NOT NULL,
    CONSTRAINT "{prefix}intents_pk" PRIMARY KEY (key)
);

CREATE INDEX IF NOT EXISTS "{prefix}intents_lane" ON {schema}"{prefix}intents" (lane, key);

CREATE INDEX IF NOT EXISTS "{prefix}intents_newest" ON {schema}"{prefix}intents" (lane, placed_at, key);

CREATE INDEX IF NOT EXISTS "{prefix}intents_placed" ON {schema}"{prefix}intents" (placed_at, key);

CREATE TABLE IF NOT EXISTS {schema}"{prefix}subscriptions" (
    key TEXT COLLATE "C" NOT NULL,
    lane TEXT COLLATE "C" NOT NULL,
    root TEXT COLLATE "C" NOT NULL,
    connection TEXT COLLATE "C" NOT NULL,
    provider_id TEXT COLLATE "C" NOT NULL,
    provider_customer TEXT COLLATE "C" NOT NULL,
    intent TEXT COLLATE "C" NOT NULL,
    status TEXT COLLATE "C" NOT NULL,
    bound BOOLEAN NOT NULL,
    contested BOOLEAN NOT NULL,
    version TEXT COLLATE "C" NOT NULL,
    quantity BIGINT NOT NULL,
    unit_amount BIGINT NOT NULL,
    currency TEXT COLLATE "C" NOT NULL,
    items TEXT COLLATE "C" NOT NULL,
    started_at BIGINT NOT NULL,
    period_start BIGINT NOT NULL,
    period_end BIGINT NOT NULL,
    trial_end BIGINT,
    cancel_at BIGINT,
    ended_at BIGINT,
    collecting BOOLEAN NOT NULL,
    resumes_at BIGINT,
    next_items TEXT COLLATE "C" NOT NULL,
    next_items_at BIGINT,
    replaces TEXT COLLATE "C" NOT NULL,
    seen_at BIGINT NOT NULL,
    CONSTRAINT "{prefix}subscriptions_pk" PRIMARY KEY (key)
);

CREATE INDEX IF NOT EXISTS "{prefix}due_period_ends" ON {schema}"{prefix}subscriptions" (period_end, key) WHERE bound AND NOT status IN ('canceled', 'incomplete_expired');

CREATE INDEX IF NOT EXISTS "{prefix}due_trial_ends" ON {schema}"{prefix}subscriptions" (trial_end, key) WHERE status = 'trialing';

CREATE INDEX IF NOT EXISTS "{prefix}due_unpaid_from" ON {schema}"{prefix}subscriptions" (period_start, key) WHERE status = 'past_due';

CREATE INDEX IF NOT EXISTS "{prefix}subscriptions_held" ON {schema}"{prefix}subscriptions" (connection, version, currency) WHERE bound AND NOT status IN ('canceled', 'incomplete_expired');

CREATE INDEX IF NOT EXISTS "{prefix}subscriptions_lane" ON {schema}"{prefix}subscriptions" (lane, key);

CREATE TABLE IF NOT EXISTS {schema}"{prefix}invoices" (
    key TEXT COLLATE "C" NOT NULL,
    lane TEXT COLLATE "C" NOT NULL,
    root TEXT COLLATE "C" NOT NULL,
    connection TEXT COLLATE "C" NOT NULL,
    provider_id TEXT COLLATE "C" NOT NULL,
    provider_customer TEXT COLLATE "C" NOT NULL,
    subscription TEXT COLLATE "C" NOT NULL,
    intent TEXT COLLATE "C" NOT NULL,
    reason TEXT COLLATE "C" NOT NULL,
    status TEXT COLLATE "C" NOT NULL,
    match TEXT COLLATE "C" NOT NULL,
    contested BOOLEAN NOT NULL,
    currency TEXT COLLATE "C" NOT NULL,
    total BIGINT NOT NULL,
    paid BIGINT NOT NULL,
    refunded BIGINT NOT NULL,
    refunding BIGINT NOT NULL,
    disputed BIGINT NOT NULL,
    paid_at BIGINT,
    due_at BIGINT,
    action TEXT COLLATE "C" NOT NULL,
    seen_at BIGINT NOT NULL,
    CONSTRAINT "{prefix}invoices_pk" PRIMARY KEY (key)
);

CREATE INDEX IF NOT EXISTS "{prefix}due_bill_asked" ON {schema}"{prefix}invoices" (due_at, key) WHERE status = 'open';

CREATE INDEX IF NOT EXISTS "{prefix}invoices_lane" ON {schema}"{prefix}invoices" (lane, key);

CREATE INDEX IF NOT EXISTS "{prefix}invoices_newest" ON {schema}"{prefix}invoices" (lane, seen_at, key);

CREATE INDEX IF NOT EXISTS "{prefix}invoices_open" ON {schema}"{prefix}invoices" (lane, seen_at, key) WHERE status = 'open';

CREATE TABLE IF NOT EXISTS {schema}"{prefix}refunds" (
    key TEXT COLLATE "C" NOT NULL,
    lane TEXT COLLATE "C" NOT NULL,
    root TEXT COLLATE "C" NOT NULL,
    connection TEXT COLLATE "C" NOT NULL,
    provider_id TEXT COLLATE "C" NOT NULL,
    invoice TEXT COLLATE "C" NOT NULL,
    command TEXT COLLATE "C" NOT NULL,
    status TEXT COLLATE "C" NOT NULL,
    currency TEXT COLLATE "C" NOT NULL,
    amount BIGINT NOT NULL,
    seen_at BIGINT NOT NULL,
    CONSTRAINT "{prefix}refunds_pk" PRIMARY KEY (key)
);

CREATE INDEX IF NOT EXISTS "{prefix}refunds_lane" ON {schema}"{prefix}refunds" (lane, key);

CREATE INDEX IF NOT EXISTS "{prefix}refunds_stuck" ON {schema}"{prefix}refunds" (amount, key) WHERE status IN ('failed', 'rejected');

CREATE TABLE IF NOT EXISTS {schema}"{prefix}disputes" (
    key TEXT COLLATE "C" NOT NULL,
    lane TEXT COLLATE "C" NOT NULL,
    root TEXT COLLATE "C" NOT NULL,
    connection TEXT COLLATE "C" NOT NULL,
    provider_id TEXT COLLATE "C" NOT NULL,
    invoice TEXT COLLATE "C" NOT NULL,
    status TEXT COLLATE "C" NOT NULL,
    currency TEXT COLLATE "C" NOT NULL,
    amount BIGINT NOT NULL,
    seen_at BIGINT NOT NULL,
    CONSTRAINT "{prefix}disputes_pk" PRIMARY KEY (key)
);

CREATE INDEX IF NOT EXISTS "{prefix}disputes_lane" ON {schema}"{prefix}disputes" (lane, key);

CREATE TABLE IF NOT EXISTS {schema}"{prefix}purchases" (
    key TEXT COLLATE "C" NOT NULL,
    lane TEXT COLLATE "C" NOT NULL,
    root TEXT COLLATE "C" NOT NULL,
    connection TEXT COLLATE "C" NOT NULL,
    intent TEXT COLLATE "C" NOT NULL,
    product TEXT COLLATE "C" NOT NULL,
    version TEXT COLLATE "C" NOT NULL,
    quantity BIGINT NOT NULL,
    currency TEXT COLLATE "C" NOT NULL,
    due BIGINT NOT NULL,
    paid BIGINT NOT NULL,
    refunded BIGINT NOT NULL,
    disputed BIGINT NOT NULL,
    lost BIGINT NOT NULL,
    purchased_at BIGINT NOT NULL,
    CONSTRAINT "{prefix}purchases_pk" PRIMARY KEY (key)
);

CREATE INDEX IF NOT EXISTS "{prefix}purchases_lane" ON {schema}"{prefix}purchases" (lane, key);

CREATE INDEX IF NOT EXISTS "{prefix}purchases_newest" ON {schema}"{prefix}purchases" (lane, purchased_at, key);

CREATE TABLE IF NOT EXISTS {schema}"{prefix}lots" (
    key TEXT COLLATE "C" NOT NULL,
    lane TEXT COLLATE "C" NOT NULL,
    root TEXT COLLATE "C" NOT NULL,
    unit TEXT COLLATE "C" NOT NULL,
    version TEXT COLLATE "C" NOT NULL,
    invoice TEXT COLLATE "C" NOT NULL,
    granted BIGINT NOT NULL,
    clawed BIGINT NOT NULL,
    granted_at BIGINT NOT NULL,
    expires_at BIGINT,
    CONSTRAINT "{prefix}lots_pk" PRIMARY KEY (key)
);

CREATE INDEX IF NOT EXISTS "{prefix}due_lot_expires" ON {schema}"{prefix}lots" (expires_at, key) WHERE expires_at IS NOT NULL;

CREATE INDEX IF NOT EXISTS "{prefix}lots_lane" ON {schema}"{prefix}lots" (lane, key);

CREATE INDEX IF NOT EXISTS "{prefix}lots_newest" ON {schema}"{prefix}lots" (lane, granted_at, key);

CREATE TABLE IF NOT EXISTS {schema}"{prefix}cases" (
    key TEXT COLLATE "C" NOT NULL,
    lane TEXT COLLATE "C" NOT NULL,
    root TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    about TEXT COLLATE "C" NOT NULL,
    detail TEXT COLLATE "C" NOT NULL,
    provider_customer TEXT COLLATE "C" NOT NULL,
    amount BIGINT NOT NULL,
    currency TEXT COLLATE "C" NOT NULL,
    opened_at BIGINT NOT NULL,
    status TEXT COLLATE "C" NOT NULL,
    decision TEXT COLLATE "C" NOT NULL,
    CONSTRAINT "{prefix}cases_pk" PRIMARY KEY (key)
);

CREATE INDEX IF NOT EXISTS "{prefix}cases_kind" ON {schema}"{prefix}cases" (kind, status, key);

CREATE INDEX IF NOT EXISTS "{prefix}cases_lane" ON {schema}"{prefix}cases" (lane, key);

CREATE INDEX IF NOT EXISTS "{prefix}cases_open" ON {schema}"{prefix}cases" (amount, key) WHERE status = 'open';

CREATE INDEX IF NOT EXISTS "{prefix}cases_open_key" ON {schema}"{prefix}cases" (key) WHERE status = 'open';

CREATE INDEX IF NOT EXISTS "{prefix}cases_resolved_key" ON {schema}"{prefix}cases" (key) WHERE status = 'resolved';

CREATE TABLE IF NOT EXISTS {schema}"{prefix}spendings" (
    key TEXT COLLATE "C" NOT NULL,
    lane TEXT COLLATE "C" NOT NULL,
    unit TEXT COLLATE "C" NOT NULL,
    lot TEXT COLLATE "C" NOT NULL,
    cause TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    spent BIGINT NOT NULL,
    held BIGINT NOT NULL,
    held_until BIGINT,
    at BIGINT NOT NULL,
    CONSTRAINT "{prefix}spendings_pk" PRIMARY KEY (key)
);

CREATE INDEX IF NOT EXISTS "{prefix}spendings_lane" ON {schema}"{prefix}spendings" (lane, key);

CREATE TABLE IF NOT EXISTS {schema}"{prefix}lots_drawn" (
    key TEXT COLLATE "C" NOT NULL,
    lane TEXT COLLATE "C" NOT NULL,
    unit TEXT COLLATE "C" NOT NULL,
    drawn BIGINT NOT NULL,
    CONSTRAINT "{prefix}lots_drawn_pk" PRIMARY KEY (key)
);

CREATE INDEX IF NOT EXISTS "{prefix}lots_drawn_lane" ON {schema}"{prefix}lots_drawn" (lane, key);

CREATE TABLE IF NOT EXISTS {schema}"{prefix}usage" (
    key TEXT COLLATE "C" NOT NULL,
    lane TEXT COLLATE "C" NOT NULL,
    quota TEXT COLLATE "C" NOT NULL,
    window_start BIGINT NOT NULL,
    window_end BIGINT,
    used BIGINT NOT NULL,
    CONSTRAINT "{prefix}usage_pk" PRIMARY KEY (key)
);

CREATE INDEX IF NOT EXISTS "{prefix}usage_lane" ON {schema}"{prefix}usage" (lane, key);
