{# One verdict for each patient and day that something was assessed: within a source use wins,
   between sources the endpoint's `conflict` decides. #}
{% macro resolve(statements) %}
SELECT
    patient_id, day, used, CASE used WHEN 1 THEN use_id ELSE free_id END AS statement_id,
    CASE used WHEN 1 THEN use_from ELSE free_from END AS from_day,
    CASE used WHEN 1 THEN named_on_day ELSE 0 END AS exact
FROM (
    SELECT
        by_source.*,
        MAX(named) OVER (PARTITION BY patient_id, day) AS named_on_day,
        ROW_NUMBER() OVER (
            PARTITION BY patient_id, day
            ORDER BY {{ 'used DESC, source_rank' if conflict == 'use' else 'source_rank' }}
        ) AS place
    FROM (
        SELECT
            patient_id, to_day AS day, source_rank,
            MAX(CASE WHEN verdict = 'use' THEN 1 ELSE 0 END) AS used,
            MIN(CASE WHEN verdict = 'use' THEN statement_id END) AS use_id,
            MIN(CASE WHEN verdict = 'no_use' THEN statement_id END) AS free_id,
            MIN(CASE WHEN verdict = 'use' THEN from_day END) AS use_from,
            MIN(CASE WHEN verdict = 'no_use' THEN from_day END) AS free_from,
            MAX(CASE WHEN verdict = 'use' AND source IN ('use_days', 'fills') THEN 1 ELSE 0 END) AS named
        FROM {{ statements }}
        WHERE verdict IN ('use', 'no_use')
        GROUP BY patient_id, to_day, source_rank
    ) AS by_source
) AS ranked
WHERE place = 1
{% endmacro %}
{{ resolve('counted') }}
