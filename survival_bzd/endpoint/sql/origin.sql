{# Where each patient's clock starts, and the record that says so; or why it never does. #}
{% macro runs(negatives, at) %}
numbered AS (
    SELECT
        assessed_day.patient_id, assessed_day.day, assessed_day.used, assessed_day.statement_id,
        ROW_NUMBER() OVER (PARTITION BY assessed_day.patient_id ORDER BY assessed_day.day) AS place
    FROM assessed_day
    JOIN search ON search.patient_id = assessed_day.patient_id AND assessed_day.day > search.day
),
free AS (
    SELECT
        patient_id, day, place, statement_id,
        LAG(place, {{ negatives - 1 }}) OVER (PARTITION BY patient_id ORDER BY day) AS first_place,
        LAG(day, {{ negatives - 1 }}) OVER (PARTITION BY patient_id ORDER BY day) AS first_day,
        LAG(statement_id, {{ negatives - 1 }}) OVER (PARTITION BY patient_id ORDER BY day) AS first_statement
    FROM numbered
    WHERE used = 0
),
found AS (
    SELECT
        patient_id,
        {{ 'first_day' if at == 'first_negative' else 'day' }} AS day,
        {{ 'first_statement' if at == 'first_negative' else 'statement_id' }} AS statement_id,
        ROW_NUMBER() OVER (PARTITION BY patient_id ORDER BY day) AS place
    FROM free
    WHERE first_place = place - {{ negatives - 1 }}
)
{%- endmacro %}
{% macro stops(clock) %}
found AS (
    SELECT
        possession.patient_id, possession.{{ 'last_covered' if clock == 'last_covered' else 'stopped_day' }} AS day,
        possession.statement_id,
        ROW_NUMBER() OVER (PARTITION BY possession.patient_id ORDER BY possession.episode) AS place
    FROM possession
    JOIN search ON search.patient_id = possession.patient_id AND possession.stopped_day > search.day
)
{%- endmacro %}
{% set competing_first %}
observation.competing_day < COALESCE(found.day, observation.competing_day + 1)
            AND observation.competing_day <= COALESCE(observation.end_day, observation.competing_day)
{%- endset %}
WITH treated AS (
    SELECT
        treatments.patient_id, treatments.day, treatments.line,
        ROW_NUMBER() OVER (PARTITION BY treatments.patient_id ORDER BY treatments.day DESC, treatments.line) AS place
    FROM treatments
    JOIN observation ON observation.patient_id = treatments.patient_id
    WHERE treatments.day IS NOT NULL
        AND (observation.end_day IS NULL OR treatments.day <= observation.end_day)
),
search AS (
    SELECT
        observation.patient_id,
        {% if origin.after is defined and origin.after == 'use' %}
        (SELECT MIN(day) FROM assessed_day WHERE used = 1 AND assessed_day.patient_id = observation.patient_id)
        {% elif origin.at == 'last_treatment' or (origin.after is defined and origin.after == 'last_treatment') %}
        (SELECT MAX(day) FROM treated WHERE treated.patient_id = observation.patient_id)
        {% elif origin.at == 'column' %}
        patients.{{ origin.column | name }}
        {% elif origin.after is defined and origin.after == 'first_fill' %}
        (SELECT MIN(first_day) FROM possession WHERE possession.patient_id = observation.patient_id)
        {% else %}
        patients.enrolled
        {% endif %} AS day
    FROM observation JOIN patients ON patients.patient_id = observation.patient_id
),
{% if origin.negatives is defined %}
{{ runs(origin.negatives, origin.at) }}
{% elif origin.at == 'discontinuation' %}
{{ stops(origin.clock) }}
{% else %}
found AS (
    SELECT patient_id, day, CAST(NULL AS BIGINT) AS statement_id, 1 AS place
    FROM search
    WHERE day IS NOT NULL
)
{% endif %}
SELECT
    observation.*, search.day AS search_day, found.statement_id AS origin_statement,
    CASE
        WHEN {{ competing_first }} THEN NULL
        WHEN observation.end_day < found.day THEN NULL
        ELSE found.day
    END AS origin_day,
    CASE
        WHEN {{ competing_first }} THEN observation.competing_outcome || '_before_origin'
        WHEN observation.end_day < found.day THEN 'observation_ended_before_origin'
        WHEN found.day IS NOT NULL THEN NULL
        WHEN search.day IS NULL THEN {{ no_search_day | literal }}
        ELSE 'never_confirmed'
    END AS not_reached,
    {% if origin.negatives is defined or origin.at == 'discontinuation' %}
    statement.file AS origin_file, statement.line AS origin_line
    {% elif origin.at == 'last_treatment' %}
    {{ files.treatments | literal }} AS origin_file, treated.line AS origin_line
    {% else %}
    {{ files.patients | literal }} AS origin_file, observation.patient_line AS origin_line
    {% endif %}
FROM observation
JOIN search ON search.patient_id = observation.patient_id
LEFT JOIN found ON found.patient_id = observation.patient_id AND found.place = 1
LEFT JOIN treated ON treated.patient_id = observation.patient_id AND treated.place = 1
LEFT JOIN statement ON statement.statement_id = found.statement_id
