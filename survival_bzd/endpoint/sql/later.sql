{# The counted statements after the origin. A specimen that is positive inside the washout is not
   assessed, nor are its negatives: it does not show the patient free. It is carry-over where the same
   analyte was positive before, with no negative since. Where a share of the baseline dose decides,
   use is what reaches it, a smaller dose of the calendar is none, and use without a dose says nothing. #}
{% set rules = washout_windows | default([]) %}
{% set name = 'patients.' ~ (washout_by | name) if washout_by else 'counted.subject' %}
{% set window %}
{% if rules %}
CASE
                {% for rule in rules %}
                WHEN {{ name }} = {{ rule.name | literal }}{% if rule.assay is not none %} AND urine.assay = {{ rule.assay | literal }}{% endif %} THEN {{ rule.days }}
                {% endfor %}
                ELSE {{ washout_days }} END
{%- else %}{{ washout_days }}{% endif %}
{% endset %}
WITH after_origin AS (
    {% if dose %}
    SELECT
        counted.statement_id, counted.patient_id, counted.source, counted.source_rank,
        CASE
            WHEN counted.source = 'fills' AND dose.reaches = 1 THEN 'use'
            WHEN counted.source = 'use_days' AND dose.reaches = 1 THEN counted.verdict
            WHEN counted.source = 'use_days' AND dose.reaches = 0 THEN 'no_use'
            WHEN counted.source = 'use_days' OR counted.verdict = 'use' THEN 'not_assessed'
            ELSE counted.verdict
        END AS verdict,
        CASE WHEN counted.source = 'use_days' AND counted.verdict = 'use' AND dose.reaches = 0
            THEN 1 ELSE 0 END AS below,
        counted.from_day, counted.to_day, counted.known_on, counted.subject, origin.origin_day
    FROM counted
    JOIN origin ON origin.patient_id = counted.patient_id AND counted.to_day > origin.origin_day
    LEFT JOIN dose ON dose.patient_id = counted.patient_id AND dose.source = counted.source
        AND dose.day = counted.to_day
    {% else %}
    SELECT counted.*, 0 AS below, origin.origin_day
    FROM counted
    JOIN origin ON origin.patient_id = counted.patient_id AND counted.to_day > origin.origin_day
    {% endif %}
),
{% if washes %}
specimen AS (
    SELECT
        counted.patient_id, counted.subject, counted.to_day AS day, origin.origin_day,
        MAX(CASE counted.verdict WHEN 'use' THEN 1 ELSE 0 END) AS used
    FROM counted
    JOIN origin ON origin.patient_id = counted.patient_id
    WHERE counted.source = 'urine' AND counted.verdict IN ('use', 'no_use')
    GROUP BY counted.patient_id, counted.subject, counted.to_day, origin.origin_day
),
run AS (
    SELECT
        specimen.*,
        MAX(CASE WHEN used = 0 THEN day END) OVER (
            PARTITION BY patient_id, subject ORDER BY day ROWS UNBOUNDED PRECEDING) AS last_negative,
        MAX(CASE WHEN used = 1 AND day <= origin_day THEN day END) OVER (
            PARTITION BY patient_id, subject ORDER BY day ROWS UNBOUNDED PRECEDING) AS last_before
    FROM specimen
),
positive AS (
    SELECT
        counted.statement_id, counted.to_day,
        CASE WHEN run.last_before > COALESCE(run.last_negative, run.last_before - 1)
            THEN 1 ELSE 0 END AS carried
    FROM after_origin AS counted
    JOIN run ON run.patient_id = counted.patient_id AND run.subject = counted.subject
        AND run.day = counted.to_day
    {% if washout_by %}
    JOIN patients ON patients.patient_id = counted.patient_id
    {% endif %}
    {% if rules %}
    JOIN statement ON statement.statement_id = counted.statement_id
    JOIN urine ON urine.line = statement.line
    {% endif %}
    WHERE counted.source = 'urine' AND counted.verdict = 'use'
        AND counted.to_day <= counted.origin_day + {{ window }}
),
{% endif %}
washed AS (
    SELECT
        after_origin.statement_id, after_origin.patient_id, after_origin.source,
        after_origin.source_rank, after_origin.verdict, after_origin.from_day,
        after_origin.to_day, after_origin.known_on, after_origin.below,
        {% if washes %}
        CASE WHEN {{ 'positive.carried = 1' if washout_positives == 'carry_over' else 'positive.carried IS NOT NULL' }}
            THEN 1 ELSE 0 END AS washed_out,
        COALESCE(positive.carried, 0) AS carry_over
        {% else %}
        0 AS washed_out, 0 AS carry_over
        {% endif %}
    FROM after_origin
    {% if washes %}
    LEFT JOIN positive ON positive.statement_id = after_origin.statement_id
        AND positive.to_day = after_origin.to_day
    {% endif %}
)
SELECT
    statement_id, patient_id, source, source_rank,
    CASE WHEN washed_out = 1 OR (verdict = 'no_use' AND MAX(washed_out) OVER (
        PARTITION BY patient_id, source, to_day) = 1) THEN 'not_assessed' ELSE verdict END AS verdict,
    washed_out, carry_over, below, from_day, to_day, known_on
FROM washed
