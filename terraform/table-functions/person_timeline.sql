-- delivery_timeline for one person, from a day on (UTC): `who` is an id, an e-mail address in any case, a cio_id or a phone
-- number. The deliveries are found first, from narrow columns; the view then reads these deliveries' events alone.
-- A message whose events began before from_day has its later steps only.
WITH webhook_events AS (
  SELECT *
  FROM `${dataset}.webhook_events`
  WHERE timestamp >= TIMESTAMP(from_day)
    AND delivery_id IN (
      SELECT delivery_id
      FROM `${dataset}.webhook_events`
      WHERE timestamp >= TIMESTAMP(from_day)
        AND (person_id = who OR LOWER(person_email) = LOWER(who) OR person_cio_id = who OR person_phone = who)
    )
)
SELECT *
FROM (
${view}
)
