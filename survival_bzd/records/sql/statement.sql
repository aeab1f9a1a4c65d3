{# Every row that speaks about use becomes one dated statement with its file and line. #}
{# A whole number as it is written: 2, not 2.0. #}
{% macro shown(number) -%}
CASE WHEN CAST({{ number }} AS {{ text }}) LIKE '%.0'
            THEN SUBSTR(CAST({{ number }} AS {{ text }}), 1, LENGTH(CAST({{ number }} AS {{ text }})) - 2)
            ELSE CAST({{ number }} AS {{ text }}) END
{%- endmacro %}
SELECT
    ROW_NUMBER() OVER (ORDER BY source_rank, line) AS statement_id,
    patient_id, source, verdict, from_day, to_day, known_on, substance, subject, detail, file,
    line
FROM (
    SELECT
        patient_id, 1 AS source_rank, 'visits' AS source,
        CASE use WHEN 'yes' THEN 'use' WHEN 'no' THEN 'no_use' ELSE 'not_assessed' END AS verdict,
        day - COALESCE(recall_days, 1) + 1 AS from_day, day AS to_day, day AS known_on,
        CAST(NULL AS {{ text }}) AS substance, '' AS subject,
        CASE WHEN status = 'attended' AND use IS NULL THEN 'not_asked' ELSE status END AS detail,
        {{ files.visits | literal }} AS file, line
    FROM visits
    WHERE day IS NOT NULL
    UNION ALL
    SELECT
        patient_id, 2, 'urine',
        CASE result WHEN 'positive' THEN 'use' WHEN 'negative' THEN 'no_use' ELSE 'not_assessed' END,
        day, day, day, substance.class, analyte,
        result || COALESCE(' by ' || assay, ''), {{ files.urine | literal }}, line
    FROM urine JOIN substance ON substance.name = urine.analyte
    WHERE day IS NOT NULL
    UNION ALL
    SELECT
        patient_id, 3, 'use_days', CASE WHEN amount = 0 THEN 'no_use' ELSE 'use' END,
        day, day, day, substance.class, use_days.substance,
        COALESCE('amount ' || {{ shown('amount') }}, 'used'), {{ files.use_days | literal }}, line
    FROM use_days JOIN substance ON substance.name = use_days.substance
    WHERE day IS NOT NULL
    UNION ALL
    SELECT
        patient_id, 4, 'use_windows', 'no_use', from_day, to_day, to_day,
        CAST(NULL AS {{ text }}), '', 'but for the days of use', {{ files.use_windows | literal }}, line
    FROM use_windows
    WHERE from_day IS NOT NULL AND to_day IS NOT NULL
    UNION ALL
    SELECT
        patient_id, 5, 'fills', 'possession',
        day, day + CAST(COALESCE(CEIL(days_supply), 1) AS INTEGER) - 1, day, substance.class,
        fills.substance, 'filled', {{ files.fills | literal }}, line
    FROM fills JOIN substance ON substance.name = fills.substance
    WHERE day IS NOT NULL
) AS spoken
