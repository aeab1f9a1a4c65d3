{# The first completion of the pattern. Every pattern asks of the k-th positive how far back the
   first of the k lies: in assessed days (consecutive, k_of_n) or in calendar days (use_days). #}
WITH numbered AS (
    SELECT
        later_day.*,
        ROW_NUMBER() OVER (PARTITION BY patient_id ORDER BY day) AS place,
        MAX(CASE WHEN used = 0 THEN day END) OVER (
            PARTITION BY patient_id ORDER BY day ROWS UNBOUNDED PRECEDING) AS last_free
    FROM later_day
),
positive AS (
    SELECT
        patient_id, day, place, statement_id,
        LAG(place, {{ positives - 1 }}) OVER (PARTITION BY patient_id ORDER BY day) AS first_place,
        LAG(day, {{ positives - 1 }}) OVER (PARTITION BY patient_id ORDER BY day) AS first_day,
        LAG(exact, {{ positives - 1 }}) OVER (PARTITION BY patient_id ORDER BY day) AS first_exact,
        LAG(last_free, {{ positives - 1 }}) OVER (PARTITION BY patient_id ORDER BY day) AS free_before,
        LAG(statement_id, {{ positives - 1 }}) OVER (PARTITION BY patient_id ORDER BY day) AS first_statement
    FROM numbered
    WHERE used = 1
),
complete AS (
    SELECT
        positive.*,
        ROW_NUMBER() OVER (PARTITION BY patient_id ORDER BY day) AS completion
    FROM positive
    WHERE first_place IS NOT NULL
    {% if within_assessed is not none %}
        AND place - first_place <= {{ within_assessed - 1 }}
    {% endif %}
    {% if within_days is not none %}
        AND day - first_day <= {{ within_days - 1 }}
    {% endif %}
)
SELECT
    complete.patient_id, complete.statement_id, complete.first_day, complete.first_exact,
    completing.known_on AS detected_day,
    CASE complete.first_exact WHEN 1 THEN complete.first_day ELSE beginning.known_on END AS upper_day,
    CASE complete.first_exact WHEN 1 THEN complete.first_day
        ELSE COALESCE(complete.free_before, origin.origin_day) END AS lower_day
FROM complete
JOIN origin ON origin.patient_id = complete.patient_id
JOIN statement AS completing ON completing.statement_id = complete.statement_id
JOIN statement AS beginning ON beginning.statement_id = complete.first_statement
WHERE complete.completion = 1
