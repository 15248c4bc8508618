-- A return of a QuickPay payment says source Invoice and carries QuickPay's made-up reference, which may be the number
-- of an invoice: its number suffices only where MX itself wrote that number in all payments that it may have given back.

CREATE OR REPLACE VIEW mx.number_evidence WITH (security_invoker = true) AS
SELECT payment.merchant_id,
       payment.mx_payment_id,
       proposal.mx_invoice_id,
       proposal.candidates,
       proposal.is_worth_reading,
       coalesce(
           proposal.is_worth_reading
           AND ((payment.type = 'Return'
                 AND (SELECT bool_and(original.source IN ('Recurring', 'Invoice'))
                        FROM mx.payments AS original
                       WHERE original.merchant_id = payment.merchant_id
                         AND original.invoice_number = payment.invoice_number
                         AND original.type IS DISTINCT FROM 'Return'))
                OR (payment.type IS DISTINCT FROM 'Return'
                    AND payment.detail_observed_at IS NULL
                    AND (invoice.total_amount = payment.amount - coalesce(payment.surcharge_amount, 0)
                         OR (payment.status IN ('Approved', 'Settled')
                             AND invoice.paid_amount =
                                 (SELECT sum(part.amount - coalesce(part.surcharge_amount, 0))
                                    FROM mx.payments AS part
                                   WHERE part.merchant_id = payment.merchant_id
                                     AND part.invoice_number = payment.invoice_number
                                     AND part.source IN ('Recurring', 'Invoice')
                                     AND part.status IN ('Approved', 'Settled')
                                     AND part.type IS DISTINCT FROM 'Return')))
                    AND NOT (payment.status IN ('Approved', 'Settled')
                             AND payment.created < invoice.detail_observed_at
                             AND EXISTS (SELECT FROM mx.invoice_payments AS other
                                          WHERE other.merchant_id = payment.merchant_id
                                            AND other.mx_invoice_id = proposal.mx_invoice_id)
                             AND NOT EXISTS (SELECT FROM mx.invoice_payments AS named
                                              WHERE named.merchant_id = payment.merchant_id
                                                AND named.mx_invoice_id = proposal.mx_invoice_id
                                                AND named.mx_payment_id = payment.mx_payment_id)))),
           false) AS suffices
  FROM mx.payments AS payment
 CROSS JOIN LATERAL (SELECT count(*) AS candidates,
                            min(map.mx_invoice_id) AS mx_invoice_id,
                            coalesce(count(*) = 1
                                     AND payment.source IN ('Recurring', 'Invoice')
                                     AND payment.invoice_reference = payment.invoice_number::text, false)
                                AS is_worth_reading
                       FROM mx.invoice_map AS map
                      WHERE map.merchant_id = payment.merchant_id
                        AND map.invoice_number = payment.invoice_number) AS proposal
  LEFT JOIN mx.invoice_documents AS invoice
    ON invoice.merchant_id = payment.merchant_id AND invoice.mx_invoice_id = proposal.mx_invoice_id
 WHERE payment.invoice_number IS NOT NULL
   AND payment.source IS DISTINCT FROM 'QuickPay';
