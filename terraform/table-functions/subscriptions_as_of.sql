-- current_subscriptions as it was when the day `as_of` ended (UTC): the answer to "were they subscribed when we wrote to them?".
-- From the changes that had happened by then, also those that arrived later.
WITH subscription_changes AS (
  SELECT *
  FROM `${dataset}.subscription_changes`
  WHERE timestamp < TIMESTAMP(DATE_ADD(as_of, INTERVAL 1 DAY))
)
SELECT *
FROM (
${view}
)
