{# The recorded outcomes that have a date. Of two on one day, a competing event comes first, in the
   order that the endpoint lists them. #}
SELECT
    patient_id, day, outcome, line,
    CASE outcome
        {% for outcome in outcomes %}
        WHEN {{ outcome | literal }} THEN {{ loop.index }}
        {% endfor %}
    END AS priority,
    CASE WHEN outcome IN ({{ competing | map('literal') | join(', ') or "''" }}) THEN 1 ELSE 0 END AS competes
FROM outcomes
WHERE day IS NOT NULL
