{# The first silence longer than the declared gap after an assessed day. A visit that was not required
   by design bridges it, and none is required after death or the end of the study. #}
WITH point AS (
    SELECT
        patient_id, origin_day AS day, origin_day AS from_day, 0 AS used, 1 AS assessed
    FROM origin
    WHERE origin_day IS NOT NULL
    UNION ALL
    SELECT patient_id, day, from_day, used, 1
    FROM later_day
    UNION ALL
    SELECT visits.patient_id, visits.day, visits.day, 0, 0
    FROM visits
    JOIN origin ON origin.patient_id = visits.patient_id AND visits.day > origin.origin_day
    WHERE visits.status = 'not_required'
        AND (origin.end_day IS NULL OR visits.day <= origin.end_day)
    GROUP BY visits.patient_id, visits.day
),
walk AS (
    SELECT
        patient_id, day, assessed,
        {% if look_back %}
        MIN(from_day) OVER (
            PARTITION BY patient_id ORDER BY day, assessed
            ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) AS next_day,
        {% else %}
        LEAD(day) OVER (PARTITION BY patient_id ORDER BY day, assessed) AS next_day,
        {% endif %}
        MAX(CASE WHEN assessed = 1 AND used = 0 THEN day END) OVER (
            PARTITION BY patient_id ORDER BY day, assessed ROWS UNBOUNDED PRECEDING) AS last_free
    FROM point
),
silence AS (
    SELECT
        walk.patient_id, walk.last_free, walk.day + {{ gap_days }} AS gap_day,
        ROW_NUMBER() OVER (PARTITION BY walk.patient_id ORDER BY walk.day) AS place
    FROM walk
    JOIN origin ON origin.patient_id = walk.patient_id
    WHERE COALESCE(walk.next_day, origin.asked_until) > walk.day + {{ gap_days }}
)
SELECT patient_id, last_free AS lower_day, gap_day
FROM silence
WHERE place = 1
