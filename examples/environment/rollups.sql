-- One row for each device, field and window: its panes added up, each id once.
CREATE OR REPLACE VIEW `local-project.telemetry.rollups` AS
SELECT
  device,
  field,
  window_start,
  ANY_VALUE(window_end) AS window_end,
  SUM(count) AS count,
  SUM(sum) AS sum,
  MIN(min) AS min,
  MAX(max) AS max,
  SUM(sum) / SUM(count) AS mean,
  ARRAY_AGG(last ORDER BY last_time DESC, last DESC LIMIT 1)[OFFSET(0)] AS last,
  MAX(last_time) AS last_time,
  SUM(late) AS late,
  COUNT(*) AS panes
FROM (
  SELECT *
  FROM `local-project.telemetry.rollup_panes`
  WHERE TRUE
  QUALIFY ROW_NUMBER() OVER (PARTITION BY id ORDER BY written_at) = 1
)
GROUP BY device, field, window_start
