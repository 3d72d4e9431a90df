-- What became of e-mails at each domain of recipients, day by day (UTC, the day of the event), with the SMTP code and the
-- enhanced code (RFC 3463) of a bounce or deferral as far as its message names them. Numbers are events, and can be summed.
WITH events AS (
  SELECT *, DATE(timestamp) AS day
  FROM `${dataset}.webhook_events`
  WHERE object_type = 'email'
    AND metric IN ('attempted', 'sent', 'delivered', 'deferred', 'bounced', 'dropped', 'spammed')
  QUALIFY ROW_NUMBER() OVER (PARTITION BY event_id, timestamp, day, metric ORDER BY truncated IS NOT NULL) = 1
)
SELECT
  day,
  LOWER(REGEXP_EXTRACT(recipient, '@([^@<> ]+)>? *$')) AS domain,
  metric,
  REGEXP_EXTRACT(failure_message, '(?:^|[^0-9.])([245][0-9][0-9])(?:[^0-9.]|$)') AS smtp_code,
  REGEXP_EXTRACT(failure_message, '(?:^|[^0-9.])([245][.][0-9]{1,3}[.][0-9]{1,3})(?:[^0-9.]|$)') AS enhanced_code,
  COUNT(*) AS events
FROM events
GROUP BY day, domain, metric, smtp_code, enhanced_code
