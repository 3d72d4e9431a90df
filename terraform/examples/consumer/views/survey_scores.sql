-- Mean score of each survey by month.
SELECT
  survey,
  TIMESTAMP_TRUNC(answered_at, MONTH) AS month,
  AVG(score) AS score,
  COUNT(*) AS answers
FROM `${dataset}.survey_answers`
GROUP BY survey, month
