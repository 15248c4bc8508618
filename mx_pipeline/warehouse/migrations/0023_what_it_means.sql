-- Every relation says what a row of it is, and every column that people with SQL read what it means.

-- What the tables and columns mean, for whoever reads them with SQL: docs/columns.md is made from here.

COMMENT ON TABLE mx.users IS
    'One row per person who may sign in.';

COMMENT ON TABLE mx.mx_merchant_configs IS
    'One row per merchant: a clinic with its own API key, sealed.';
COMMENT ON COLUMN mx.mx_merchant_configs.merchant_id IS
    'MX Merchant''s own number of the merchant.';
COMMENT ON COLUMN mx.mx_merchant_configs.id IS
    'A random id of the row.';
COMMENT ON COLUMN mx.mx_merchant_configs.name IS
    'What the merchant is called here.';
COMMENT ON COLUMN mx.mx_merchant_configs.environment IS
    'Which of MX Merchant''s worlds it is in: sandbox or production.';
COMMENT ON COLUMN mx.mx_merchant_configs.timezone IS
    'The merchant''s own time zone, an IANA name; its days and months are of it.';
COMMENT ON COLUMN mx.mx_merchant_configs.consumer_key IS
    'The API key, sealed; nobody with SQL reads it.';
COMMENT ON COLUMN mx.mx_merchant_configs.consumer_secret IS
    'The API key''s secret, sealed; nobody with SQL reads it.';
COMMENT ON COLUMN mx.mx_merchant_configs.sealing_key_id IS
    'Which sealing key opens them.';
COMMENT ON COLUMN mx.mx_merchant_configs.user_id IS
    'The owner whom the configuration names.';
COMMENT ON COLUMN mx.mx_merchant_configs.calls_in_flight IS
    'How many calls may be under way at once.';
COMMENT ON COLUMN mx.mx_merchant_configs.calls_per_second IS
    'How many calls may begin in a second; empty for no bound of our own.';
COMMENT ON COLUMN mx.mx_merchant_configs.delay_seconds IS
    'How long to wait between two calls.';
COMMENT ON COLUMN mx.mx_merchant_configs.calls_per_day IS
    'How many calls a day may cost; empty for no quota.';
COMMENT ON COLUMN mx.mx_merchant_configs.is_active IS
    'False while it is paused: nothing is synced.';
COMMENT ON COLUMN mx.mx_merchant_configs.credentials_refused_at IS
    'Since when MX Merchant refuses its key; empty while it is good.';
COMMENT ON COLUMN mx.mx_merchant_configs.created_at IS
    'When the merchant was registered.';
COMMENT ON COLUMN mx.mx_merchant_configs.updated_at IS
    'When this row was last changed.';
COMMENT ON COLUMN mx.mx_merchant_configs.interval_minutes IS
    'How often it is synced, in minutes; empty where the schedule finds out by itself.';
COMMENT ON COLUMN mx.mx_merchant_configs.access_check IS
    'Which check rules who may read it: owner, both or permissions.';

COMMENT ON TABLE mx.user_tenant_permissions IS
    'One row per person and merchant: the role they have there, and what was granted or revoked beside it.';

COMMENT ON TABLE mx.role_permissions IS
    'One row per role and permission that it holds; the same everywhere.';

COMMENT ON TABLE mx.permission_implications IS
    'One row per permission that contains another.';

COMMENT ON TABLE mx.role_gives IS
    'One row per role and role that it may give to others.';

COMMENT ON TABLE mx.user_tokens IS
    'One row per token of a person; hashes only.';

COMMENT ON TABLE mx.user_sessions IS
    'One row per sign-in of a person in a browser; hashes only.';

COMMENT ON TABLE mx.invitations IS
    'One row per invitation to a merchant; its secret is kept as a hash.';

COMMENT ON TABLE mx.payment_history IS
    'One row per change of a payment''s amount, status, refund or settlement.';
COMMENT ON COLUMN mx.payment_history.merchant_id IS
    'The merchant.';
COMMENT ON COLUMN mx.payment_history.mx_payment_id IS
    'The payment.';
COMMENT ON COLUMN mx.payment_history.change_id IS
    'The number of the change.';
COMMENT ON COLUMN mx.payment_history.changed_at IS
    'When a sync wrote the change.';
COMMENT ON COLUMN mx.payment_history.observed_at IS
    'When the news was asked for.';
COMMENT ON COLUMN mx.payment_history.amount_before IS
    'The amount before; empty where the change is the first news.';
COMMENT ON COLUMN mx.payment_history.amount IS
    'The amount since.';
COMMENT ON COLUMN mx.payment_history.status_before IS
    'The status before.';
COMMENT ON COLUMN mx.payment_history.status IS
    'The status since.';
COMMENT ON COLUMN mx.payment_history.refunded_amount_before IS
    'What was given back before.';
COMMENT ON COLUMN mx.payment_history.refunded_amount IS
    'What was given back since.';
COMMENT ON COLUMN mx.payment_history.settled_amount_before IS
    'What was told as settled before.';
COMMENT ON COLUMN mx.payment_history.settled_amount IS
    'What is told as settled since.';

COMMENT ON TABLE mx.invoice_people IS
    'One row per invoice that names a customer; kept apart so that names need a permission of their own.';
COMMENT ON COLUMN mx.invoice_people.merchant_id IS
    'The merchant.';
COMMENT ON COLUMN mx.invoice_people.mx_invoice_id IS
    'The invoice.';
COMMENT ON COLUMN mx.invoice_people.customer_id IS
    'MX Merchant''s id of the customer.';
COMMENT ON COLUMN mx.invoice_people.customer_name IS
    'The customer''s name as it stands on the invoice.';
COMMENT ON COLUMN mx.invoice_people.customer_number IS
    'The customer''s number as it stands on the invoice.';
COMMENT ON COLUMN mx.invoice_people.memo IS
    'What somebody wrote on the invoice.';

COMMENT ON TABLE mx.invoice_payments IS
    'One row per payment that an invoice''s own page names.';
COMMENT ON COLUMN mx.invoice_payments.merchant_id IS
    'The merchant.';
COMMENT ON COLUMN mx.invoice_payments.mx_payment_id IS
    'The payment.';
COMMENT ON COLUMN mx.invoice_payments.mx_invoice_id IS
    'The invoice.';

COMMENT ON TABLE mx.invoice_map_misses IS
    'One row per invoice number that payments carry and the invoice list does not hold, so that it is not sought by every sync.';

COMMENT ON VIEW mx.number_evidence IS
    'One row per payment and invoice of the same number, with what speaks for their belonging together; read by the program alone.';

COMMENT ON TABLE mx.payment_invoices IS
    'One row per payment and invoice that it is known to have paid, or given back.';
COMMENT ON COLUMN mx.payment_invoices.merchant_id IS
    'The merchant.';
COMMENT ON COLUMN mx.payment_invoices.mx_payment_id IS
    'The payment.';
COMMENT ON COLUMN mx.payment_invoices.position IS
    'The place of the invoice where the payment names several, from 1.';
COMMENT ON COLUMN mx.payment_invoices.mx_invoice_id IS
    'The invoice.';
COMMENT ON COLUMN mx.payment_invoices.basis IS
    'The evidence: invoice_ids, invoice_payments, original_payment or number.';

COMMENT ON TABLE mx.product_categories IS
    'One row per product name that has a category by its exact name.';
COMMENT ON COLUMN mx.product_categories.merchant_id IS
    'The merchant.';
COMMENT ON COLUMN mx.product_categories.product_name IS
    'The product''s name, trimmed.';
COMMENT ON COLUMN mx.product_categories.category IS
    'Its category.';
COMMENT ON COLUMN mx.product_categories.is_active IS
    'False where it is used no more.';
COMMENT ON COLUMN mx.product_categories.created_at IS
    'When it was made.';
COMMENT ON COLUMN mx.product_categories.updated_at IS
    'When it was last changed.';
COMMENT ON COLUMN mx.product_categories.made_by IS
    'Who made it.';

COMMENT ON TABLE mx.transaction_workflow IS
    'One row per payment of which the clinic keeps something; no sync writes here.';
COMMENT ON COLUMN mx.transaction_workflow.merchant_id IS
    'The merchant.';
COMMENT ON COLUMN mx.transaction_workflow.mx_payment_id IS
    'The payment.';
COMMENT ON COLUMN mx.transaction_workflow.membership_status IS
    'How the membership stands, such as active or canceled.';
COMMENT ON COLUMN mx.transaction_workflow.fulfillment_type IS
    'How it is fulfilled.';
COMMENT ON COLUMN mx.transaction_workflow.referral_source IS
    'Where the customer came from.';
COMMENT ON COLUMN mx.transaction_workflow.google_review_submitted IS
    'Whether they wrote a review.';
COMMENT ON COLUMN mx.transaction_workflow.date_started IS
    'When the membership began.';
COMMENT ON COLUMN mx.transaction_workflow.last_payment_date IS
    'When it was last paid.';
COMMENT ON COLUMN mx.transaction_workflow.next_billing_date IS
    'When it is billed next.';
COMMENT ON COLUMN mx.transaction_workflow.ordered_by_provider IS
    'Whether the provider ordered it.';
COMMENT ON COLUMN mx.transaction_workflow.ordered_by_provider_at IS
    'When the provider ordered it.';
COMMENT ON COLUMN mx.transaction_workflow.updated_at IS
    'When somebody last wrote here.';

COMMENT ON TABLE mx.invoice_workflow IS
    'One row per invoice of which the clinic keeps something; no sync writes here.';
COMMENT ON COLUMN mx.invoice_workflow.merchant_id IS
    'The merchant.';
COMMENT ON COLUMN mx.invoice_workflow.mx_invoice_id IS
    'The invoice.';
COMMENT ON COLUMN mx.invoice_workflow.data_sent_status IS
    'Whether the data were sent: pending, yes or no.';
COMMENT ON COLUMN mx.invoice_workflow.data_sent_at IS
    'When they were sent.';
COMMENT ON COLUMN mx.invoice_workflow.data_sent_notes IS
    'What somebody noted about it.';
COMMENT ON COLUMN mx.invoice_workflow.ordered_by_provider_at IS
    'When the provider ordered it.';
COMMENT ON COLUMN mx.invoice_workflow.updated_at IS
    'When somebody last wrote here.';

COMMENT ON TABLE mx.sync_requests IS
    'One row per wish for a sync; each is answered once.';

COMMENT ON TABLE mx.sync_runs IS
    'One row per sync of one merchant: its parameters, phases, counts and outcome.';

COMMENT ON TABLE mx.sync_state IS
    'One row per merchant and stream: how far it was read, when, and with which outcome.';
COMMENT ON COLUMN mx.sync_state.merchant_id IS
    'The merchant.';
COMMENT ON COLUMN mx.sync_state.stream IS
    'payments, invoices or enriched_transactions.';
COMMENT ON COLUMN mx.sync_state.run_id IS
    'The last run that wrote here.';
COMMENT ON COLUMN mx.sync_state.position IS
    'Where a walk over the list that was cut off goes on.';
COMMENT ON COLUMN mx.sync_state.walk_open IS
    'Whether such a walk is open.';
COMMENT ON COLUMN mx.sync_state.record_count IS
    'How many records MX Merchant last counted.';
COMMENT ON COLUMN mx.sync_state.walked_at IS
    'When the list was last walked.';
COMMENT ON COLUMN mx.sync_state.daily_at IS
    'When the daily part was last done.';
COMMENT ON COLUMN mx.sync_state.weekly_at IS
    'When the weekly part was last done.';
COMMENT ON COLUMN mx.sync_state.derived_through IS
    'Up to which change everything is derived.';
COMMENT ON COLUMN mx.sync_state.completed_at IS
    'When a sync last came to its end.';
COMMENT ON COLUMN mx.sync_state.last_outcome IS
    'How the last sync ended.';
COMMENT ON COLUMN mx.sync_state.last_success_at IS
    'When a sync last succeeded.';
COMMENT ON COLUMN mx.sync_state.last_verdict IS
    'What the last certificate said: agrees, differs or unproven.';
COMMENT ON COLUMN mx.sync_state.quarantined IS
    'How many records are set aside.';
COMMENT ON COLUMN mx.sync_state.updated_at IS
    'When this row was last written.';
COMMENT ON COLUMN mx.sync_state.resumes_at IS
    'When it goes on by itself, where MX Merchant holds it back.';
COMMENT ON COLUMN mx.sync_state.open_each_sync IS
    'Payments that each sync reads again.';
COMMENT ON COLUMN mx.sync_state.open_daily IS
    'Payments that are read again once a day.';
COMMENT ON COLUMN mx.sync_state.open_weekly IS
    'Payments that are read again once a week.';
COMMENT ON COLUMN mx.sync_state.monthly_at IS
    'When everything was last read whole.';
COMMENT ON COLUMN mx.sync_state.changed_at IS
    'When a sync last brought something new.';

COMMENT ON TABLE mx.sync_leases IS
    'One row per merchant that is or was synced: who holds it, and until when.';

COMMENT ON TABLE mx.credential_budgets IS
    'One row per API key, known by a keyed hash: how much it may be asked.';

COMMENT ON TABLE mx.credential_users IS
    'One row per process that uses an API key, known by a keyed hash.';

COMMENT ON TABLE mx.certificates IS
    'One row per comparison of what MX Merchant says it has with what is stored.';
COMMENT ON COLUMN mx.certificates.merchant_id IS
    'The merchant.';
COMMENT ON COLUMN mx.certificates.certificate_id IS
    'The number of the certificate.';
COMMENT ON COLUMN mx.certificates.run_id IS
    'The run that made it.';
COMMENT ON COLUMN mx.certificates.stream IS
    'payments or invoices.';
COMMENT ON COLUMN mx.certificates.scope IS
    'What was compared: all of the stream, or a part of it.';
COMMENT ON COLUMN mx.certificates.basis IS
    'count where numbers were compared, enumerated where every id was.';
COMMENT ON COLUMN mx.certificates.verdict IS
    'agrees, differs, or unproven where MX Merchant could not tell.';
COMMENT ON COLUMN mx.certificates.source_count IS
    'How many MX Merchant says it has.';
COMMENT ON COLUMN mx.certificates.our_count IS
    'How many are stored.';
COMMENT ON COLUMN mx.certificates.source_sum IS
    'What they come to, by MX Merchant.';
COMMENT ON COLUMN mx.certificates.our_sum IS
    'What the stored ones come to.';
COMMENT ON COLUMN mx.certificates.missing_ids IS
    'Ids that MX Merchant has and we do not.';
COMMENT ON COLUMN mx.certificates.surplus_ids IS
    'Ids that we have and MX Merchant does not list.';
COMMENT ON COLUMN mx.certificates.note IS
    'What a person should know of it.';
COMMENT ON COLUMN mx.certificates.made_at IS
    'When it was made.';

COMMENT ON TABLE mx.quarantine IS
    'One row per record that could not be taken in, with the reason; never what the record said.';

COMMENT ON TABLE mx.api_usage IS
    'One row per merchant, day, run, endpoint and outcome: how many calls there were.';

COMMENT ON TABLE mx.audit_log IS
    'One row per thing that somebody did; each merchant''s are a chain of hashes, and are never changed.';

COMMENT ON VIEW mx.transactions IS
    'One row per payment that MX Merchant lists, with the invoice it paid, its product and its category.';
COMMENT ON COLUMN mx.transactions.id IS
    'A stable id of the row, made from merchant and payment.';
COMMENT ON COLUMN mx.transactions.merchant_id IS
    'The merchant.';
COMMENT ON COLUMN mx.transactions.mx_payment_id IS
    'MX Merchant''s id of the payment; unique within the merchant.';
COMMENT ON COLUMN mx.transactions.amount IS
    'What the customer paid, tax and surcharge contained; negative for a return.';
COMMENT ON COLUMN mx.transactions.transaction_date IS
    'When the payment was made, in UTC.';
COMMENT ON COLUMN mx.transactions.status IS
    'Where the payment stands, in MX Merchant''s word, such as Approved, Settled, Declined or Voided.';
COMMENT ON COLUMN mx.transactions.refunded_amount IS
    'How much of it was given back so far.';
COMMENT ON COLUMN mx.transactions.settled_amount IS
    'What MX Merchant tells as settled; it may say 0 for a settled payment.';
COMMENT ON COLUMN mx.transactions.mx_invoice_number IS
    'The reference as a number, where it is all digits; it proposes an invoice and proves none.';
COMMENT ON COLUMN mx.transactions.invoice_reference IS
    'The reference that the payment carries, as it is.';
COMMENT ON COLUMN mx.transactions.mx_invoice_id IS
    'The invoice that it paid, by MX Merchant''s id; empty where none is known.';
COMMENT ON COLUMN mx.transactions.has_invoice IS
    'Whether an invoice is known that it paid, or gave back.';
COMMENT ON COLUMN mx.transactions.invoice_id IS
    'The same invoice, by the id of mx.invoices.';
COMMENT ON COLUMN mx.transactions.link_basis IS
    'The evidence for it: invoice_ids, invoice_payments, original_payment or number.';
COMMENT ON COLUMN mx.transactions.unlinked_reason IS
    'Why no invoice is known though something points to one.';
COMMENT ON COLUMN mx.transactions.product_name IS
    'What was bought: the line with the greatest total.';
COMMENT ON COLUMN mx.transactions.product_category IS
    'The category of that product.';
COMMENT ON COLUMN mx.transactions.category_source IS
    'What the category was taken from: override, exact_name, rule, suggestion, or none.';
COMMENT ON COLUMN mx.transactions.source IS
    'Where it was taken, in MX Merchant''s word, such as QuickPay, Recurring or Invoice.';
COMMENT ON COLUMN mx.transactions.transaction_type IS
    'What kind of payment it is, such as Sale or Return.';
COMMENT ON COLUMN mx.transactions.tender_type IS
    'What it was paid with, such as Card or Cash.';
COMMENT ON COLUMN mx.transactions.customer_name IS
    'The customer''s name; empty without the permission for names.';
COMMENT ON COLUMN mx.transactions.customer_code IS
    'The customer''s code; empty without the permission for names.';
COMMENT ON COLUMN mx.transactions.client_reference IS
    'The reference that the caller of MX Merchant gave.';
COMMENT ON COLUMN mx.transactions.reference_number IS
    'MX Merchant''s own reference.';
COMMENT ON COLUMN mx.transactions.auth_code IS
    'The code of the bank''s authorisation.';
COMMENT ON COLUMN mx.transactions.auth_message IS
    'What the bank said.';
COMMENT ON COLUMN mx.transactions.response_code IS
    'The bank''s answer as a number.';
COMMENT ON COLUMN mx.transactions.card_type IS
    'The card''s brand.';
COMMENT ON COLUMN mx.transactions.card_last4 IS
    'The card''s last four digits.';
COMMENT ON COLUMN mx.transactions.card_token IS
    'Always empty: tokens that can charge a card are not stored.';
COMMENT ON COLUMN mx.transactions.currency IS
    'The currency.';
COMMENT ON COLUMN mx.transactions.tax_amount IS
    'The tax contained in the amount.';
COMMENT ON COLUMN mx.transactions.surcharge_amount IS
    'The surcharge contained in the amount.';
COMMENT ON COLUMN mx.transactions.surcharge_label IS
    'What the surcharge is called.';
COMMENT ON COLUMN mx.transactions.batch IS
    'The batch that it was settled in.';
COMMENT ON COLUMN mx.transactions.original_payment_id IS
    'Of a return: the payment that it gives back.';
COMMENT ON COLUMN mx.transactions.synced_at IS
    'When the stored news was asked for.';
COMMENT ON COLUMN mx.transactions.raw_data IS
    'Every other declared field as MX Merchant sent it; no name, no token.';
COMMENT ON COLUMN mx.transactions.membership_status IS
    'How the membership stands; active where nobody wrote otherwise.';
COMMENT ON COLUMN mx.transactions.fulfillment_type IS
    'How it is fulfilled, as the clinic wrote.';
COMMENT ON COLUMN mx.transactions.referral_source IS
    'Where the customer came from, as the clinic wrote.';
COMMENT ON COLUMN mx.transactions.google_review_submitted IS
    'Whether they wrote a review, as the clinic noted.';
COMMENT ON COLUMN mx.transactions.date_started IS
    'When the membership began.';
COMMENT ON COLUMN mx.transactions.last_payment_date IS
    'When it was last paid.';
COMMENT ON COLUMN mx.transactions.next_billing_date IS
    'When it is billed next.';
COMMENT ON COLUMN mx.transactions.ordered_by_provider IS
    'Whether the provider ordered it.';
COMMENT ON COLUMN mx.transactions.ordered_by_provider_at IS
    'When the provider ordered it.';
COMMENT ON COLUMN mx.transactions.created_at IS
    'When this warehouse first stored the payment.';
COMMENT ON COLUMN mx.transactions.updated_at IS
    'When the payment or its workflow was last changed here.';

COMMENT ON VIEW mx.invoices IS
    'One row per invoice that MX Merchant lists, with what the clinic keeps of it.';
COMMENT ON COLUMN mx.invoices.id IS
    'A stable id of the row, made from merchant and invoice.';
COMMENT ON COLUMN mx.invoices.merchant_id IS
    'The merchant.';
COMMENT ON COLUMN mx.invoices.mx_invoice_id IS
    'MX Merchant''s id of the invoice; unique within the merchant.';
COMMENT ON COLUMN mx.invoices.invoice_number IS
    'The number printed on the invoice; several may carry the same.';
COMMENT ON COLUMN mx.invoices.status IS
    'Where the invoice stands, such as Paid or Unpaid.';
COMMENT ON COLUMN mx.invoices.total_amount IS
    'What is to be paid, without a surcharge.';
COMMENT ON COLUMN mx.invoices.subtotal_amount IS
    'The sum of the lines before discount and tax.';
COMMENT ON COLUMN mx.invoices.discount_amount IS
    'What was taken off.';
COMMENT ON COLUMN mx.invoices.tax_amount IS
    'The tax on it.';
COMMENT ON COLUMN mx.invoices.balance IS
    'What is still open.';
COMMENT ON COLUMN mx.invoices.paid_amount IS
    'What has been paid.';
COMMENT ON COLUMN mx.invoices.invoice_date IS
    'The invoice''s day, in the merchant''s own time zone.';
COMMENT ON COLUMN mx.invoices.due_date IS
    'When it is due, in the merchant''s own time zone.';
COMMENT ON COLUMN mx.invoices.api_created IS
    'When MX Merchant made the invoice, in UTC.';
COMMENT ON COLUMN mx.invoices.customer_id IS
    'MX Merchant''s id of the customer; empty without the permission for names.';
COMMENT ON COLUMN mx.invoices.customer_name IS
    'The customer''s name; empty without the permission for names.';
COMMENT ON COLUMN mx.invoices.customer_number IS
    'The customer''s number; empty without the permission for names.';
COMMENT ON COLUMN mx.invoices.memo IS
    'What somebody wrote on it; empty without the permission for names.';
COMMENT ON COLUMN mx.invoices.currency IS
    'The currency.';
COMMENT ON COLUMN mx.invoices.receipt_number IS
    'The number of the receipt.';
COMMENT ON COLUMN mx.invoices.quantity IS
    'How many pieces its lines hold together.';
COMMENT ON COLUMN mx.invoices.return_quantity IS
    'How many of them were given back.';
COMMENT ON COLUMN mx.invoices.return_status IS
    'Whether it was given back, in MX Merchant''s word.';
COMMENT ON COLUMN mx.invoices.source_type IS
    'Where the invoice came from.';
COMMENT ON COLUMN mx.invoices.type IS
    'What kind of invoice it is.';
COMMENT ON COLUMN mx.invoices.terms IS
    'The terms of payment.';
COMMENT ON COLUMN mx.invoices.is_tax_exempt IS
    'Whether the customer pays no tax.';
COMMENT ON COLUMN mx.invoices.raw_data IS
    'The invoice''s own page as MX Merchant sent it, less people and secrets; empty until it was read.';
COMMENT ON COLUMN mx.invoices.data_sent_status IS
    'Whether the data were sent: pending, yes or no.';
COMMENT ON COLUMN mx.invoices.data_sent_at IS
    'When they were sent.';
COMMENT ON COLUMN mx.invoices.data_sent_notes IS
    'What somebody noted about it.';
COMMENT ON COLUMN mx.invoices.ordered_by_provider_at IS
    'When the provider ordered it.';
COMMENT ON COLUMN mx.invoices.created_at IS
    'When this warehouse first stored the invoice.';
COMMENT ON COLUMN mx.invoices.updated_at IS
    'When the invoice or its workflow was last changed here.';

COMMENT ON TABLE mx.webhook_keys IS
    'One row per key in the address that MX Merchant rings at; hashes only.';

COMMENT ON TABLE mx.webhook_subscriptions IS
    'One row per merchant that is to be rung for.';

COMMENT ON TABLE mx.webhook_inbox IS
    'One row per notification that came in: what it names, and what became of it.';

COMMENT ON TABLE mx.webhook_strangers IS
    'One row per day: how many came with a key that nobody has.';

COMMENT ON TABLE mx.category_books IS
    'One row per merchant: which version of its categories everything is derived by.';
COMMENT ON COLUMN mx.category_books.merchant_id IS
    'The merchant.';
COMMENT ON COLUMN mx.category_books.version IS
    'Grows with every change of a name, rule or override.';
COMMENT ON COLUMN mx.category_books.derived_version IS
    'The version by which everything is derived.';
COMMENT ON COLUMN mx.category_books.apply_from IS
    'How sure a suggestion must be to be applied by itself, 0 to 1.';
COMMENT ON COLUMN mx.category_books.ask_from IS
    'How sure it must be to be shown to a person, 0 to 1.';
COMMENT ON COLUMN mx.category_books.changed_at IS
    'When it last changed.';

COMMENT ON TABLE mx.category_rules IS
    'One row per rule that gives a category by a product''s name or price.';
COMMENT ON COLUMN mx.category_rules.merchant_id IS
    'The merchant.';
COMMENT ON COLUMN mx.category_rules.rule_id IS
    'The number of the rule.';
COMMENT ON COLUMN mx.category_rules.kind IS
    'What it looks at: contains, starts_with or regex of the name, or price.';
COMMENT ON COLUMN mx.category_rules.pattern IS
    'What the name is compared with.';
COMMENT ON COLUMN mx.category_rules.min_price IS
    'The lowest price that it holds for.';
COMMENT ON COLUMN mx.category_rules.max_price IS
    'The highest price that it holds for.';
COMMENT ON COLUMN mx.category_rules.active_from IS
    'The first day that it holds for.';
COMMENT ON COLUMN mx.category_rules.active_until IS
    'The first day that it holds for no more.';
COMMENT ON COLUMN mx.category_rules.priority IS
    'Which of several decides.';
COMMENT ON COLUMN mx.category_rules.category IS
    'The category that it gives.';
COMMENT ON COLUMN mx.category_rules.made_by IS
    'Who made it.';
COMMENT ON COLUMN mx.category_rules.made_at IS
    'When it was made.';
COMMENT ON COLUMN mx.category_rules.withdrawn_by IS
    'Who withdrew it.';
COMMENT ON COLUMN mx.category_rules.withdrawn_at IS
    'When it was withdrawn; empty while it is in force.';

COMMENT ON TABLE mx.category_overrides IS
    'One row per category that a person decided by hand, for a payment or a product name.';
COMMENT ON COLUMN mx.category_overrides.merchant_id IS
    'The merchant.';
COMMENT ON COLUMN mx.category_overrides.override_id IS
    'The number of the override.';
COMMENT ON COLUMN mx.category_overrides.mx_payment_id IS
    'The payment that it is for, if for one.';
COMMENT ON COLUMN mx.category_overrides.product_name IS
    'The product name that it is for, if for one.';
COMMENT ON COLUMN mx.category_overrides.category IS
    'The category.';
COMMENT ON COLUMN mx.category_overrides.reason IS
    'Why.';
COMMENT ON COLUMN mx.category_overrides.made_by IS
    'Who decided it.';
COMMENT ON COLUMN mx.category_overrides.made_at IS
    'When.';
COMMENT ON COLUMN mx.category_overrides.withdrawn_by IS
    'Who withdrew it.';
COMMENT ON COLUMN mx.category_overrides.withdrawn_at IS
    'When it was withdrawn; empty while it is in force.';

COMMENT ON TABLE mx.category_suggestions IS
    'One row per category that a model suggested for a product name.';
COMMENT ON COLUMN mx.category_suggestions.merchant_id IS
    'The merchant.';
COMMENT ON COLUMN mx.category_suggestions.product_name IS
    'The product name.';
COMMENT ON COLUMN mx.category_suggestions.category IS
    'The category that is suggested.';
COMMENT ON COLUMN mx.category_suggestions.confidence IS
    'How sure the model is, 0 to 1.';
COMMENT ON COLUMN mx.category_suggestions.model IS
    'Which model.';
COMMENT ON COLUMN mx.category_suggestions.suggested_at IS
    'When.';
COMMENT ON COLUMN mx.category_suggestions.decision IS
    'accepted or rejected, where a person said so.';
COMMENT ON COLUMN mx.category_suggestions.decided_by IS
    'Who decided.';
COMMENT ON COLUMN mx.category_suggestions.decided_at IS
    'When.';
COMMENT ON COLUMN mx.category_suggestions.active_from IS
    'The first day that it holds for.';
COMMENT ON COLUMN mx.category_suggestions.active_until IS
    'The first day that it holds for no more.';

COMMENT ON TABLE mx.category_history IS
    'One row per change of a payment''s category.';
COMMENT ON COLUMN mx.category_history.merchant_id IS
    'The merchant.';
COMMENT ON COLUMN mx.category_history.mx_payment_id IS
    'The payment.';
COMMENT ON COLUMN mx.category_history.changed_at IS
    'When it changed.';
COMMENT ON COLUMN mx.category_history.category_before IS
    'The category before.';
COMMENT ON COLUMN mx.category_history.source_before IS
    'What that was taken from.';
COMMENT ON COLUMN mx.category_history.category IS
    'The category since.';
COMMENT ON COLUMN mx.category_history.source IS
    'What it is taken from.';
COMMENT ON COLUMN mx.category_history.rule_id IS
    'The rule, where one decided.';
COMMENT ON COLUMN mx.category_history.confidence IS
    'How sure the model was, where a suggestion decided.';
COMMENT ON COLUMN mx.category_history.decided_by IS
    'Who made what decided.';

COMMENT ON TABLE mx.alerts IS
    'One row per fault that operators were told of, by a hash of what it is about, so that nobody is told it twice.';

COMMENT ON TABLE mx.migration_checksums IS
    'One row per migration that ran, with the hash of its text.';
COMMENT ON TABLE mx.alembic_version IS
    'The number of the newest migration that ran.';
