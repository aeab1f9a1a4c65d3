{# What ended each patient's follow-up, when, and by which record: the earliest of relapse, gap,
   competing event and end of observation; on one day, in that order. #}
{% set fell_silent %}
CASE
                WHEN closing.outcome IS NOT NULL THEN closing.outcome
                WHEN {{ end_is_day }} AND ever.last_known > decided.last_day THEN 'cut_off'
                {% if fills_only %}
                WHEN decided.end_day IS NOT NULL THEN 'end_of_observation'
                {% endif %}
                WHEN spoken.last_spoken IS NULL THEN 'nothing_recorded'
                ELSE 'last_statement' END
{%- endset %}
WITH candidate AS (
    SELECT
        origin.*,
        COALESCE(pattern.detected_day, {{ never }}) AS relapse_day,
        {% if missing %}COALESCE(gap.gap_day, {{ never }}){% else %}{{ never }}{% endif %} AS gap_day,
        CASE WHEN origin.competing_day >= origin.origin_day THEN origin.competing_day ELSE {{ never }} END AS event_day,
        COALESCE(origin.end_day, {{ never }}) AS last_day,
        pattern.lower_day AS pattern_lower, pattern.upper_day AS pattern_upper,
        pattern.first_day, pattern.first_exact, pattern.detected_day,
        pattern.statement_id AS pattern_statement,
        {% if missing %}gap.lower_day{% else %}CAST(NULL AS INTEGER){% endif %} AS gap_lower
    FROM origin
    LEFT JOIN pattern ON pattern.patient_id = origin.patient_id
    {% if missing %}
    LEFT JOIN gap ON gap.patient_id = origin.patient_id
    {% endif %}
),
decided AS (
    SELECT
        candidate.*,
        CASE
            WHEN origin_day IS NULL THEN 'not_reached'
            WHEN relapse_day < {{ never }} AND relapse_day <= gap_day AND relapse_day <= event_day
                AND relapse_day <= last_day THEN 'relapse'
            WHEN gap_day < {{ never }} AND gap_day <= event_day AND gap_day <= last_day THEN 'gap'
            WHEN event_day < {{ never }} AND event_day <= last_day THEN 'competing'
            ELSE 'end'
        END AS decision
    FROM candidate
),
free AS (
    SELECT
        decided.patient_id,
        MAX(later_day.day) AS last_free_day
    FROM decided
    JOIN later_day ON later_day.patient_id = decided.patient_id AND later_day.used = 0
    WHERE later_day.day <= CASE decided.decision
        WHEN 'relapse' THEN decided.pattern_lower
        WHEN 'gap' THEN decided.gap_lower
        WHEN 'competing' THEN decided.competing_day
        ELSE {{ never }} END
    GROUP BY decided.patient_id
),
spoken AS (
    SELECT
        decided.patient_id, MAX(later.to_day) AS last_spoken,
        COALESCE(MAX(later.to_day), decided.origin_day) AS silent_from
    FROM decided
    LEFT JOIN later ON later.patient_id = decided.patient_id AND later.verdict IN ('use', 'no_use')
    GROUP BY decided.patient_id, decided.origin_day
),
closing AS (
    SELECT
        decided.patient_id, recorded_outcome.day, recorded_outcome.outcome, recorded_outcome.line,
        ROW_NUMBER() OVER (PARTITION BY decided.patient_id
            ORDER BY recorded_outcome.day, recorded_outcome.priority, recorded_outcome.line) AS place
    FROM decided
    JOIN spoken ON spoken.patient_id = decided.patient_id
    JOIN recorded_outcome ON recorded_outcome.patient_id = decided.patient_id
        AND recorded_outcome.day >= spoken.silent_from AND recorded_outcome.day <= decided.last_day
),
interval_of AS (
    SELECT
        decided.*,
        COALESCE(free.last_free_day, decided.origin_day) AS last_free_day,
        later_day.statement_id AS free_statement,
        CASE decided.decision
            WHEN 'relapse' THEN decided.pattern_lower
            WHEN 'gap' THEN decided.gap_lower
            WHEN 'competing' THEN decided.competing_day
            WHEN 'end' THEN COALESCE(free.last_free_day, decided.origin_day)
        END AS lower_day,
        CASE decided.decision
            WHEN 'relapse' THEN decided.pattern_upper
            WHEN 'gap' THEN decided.gap_day
            WHEN 'competing' THEN decided.competing_day
        END AS upper_day,
        CASE
            WHEN decided.decision = 'relapse' OR (decided.decision = 'gap' AND '{{ missing }}' = 'relapse')
                THEN 1
            {% for outcome in competing %}
            WHEN decided.decision = 'competing' AND decided.competing_outcome = {{ outcome | literal }}
                THEN {{ loop.index + 1 }}
            {% endfor %}
            ELSE 0
        END AS event,
        CASE decided.decision
            WHEN 'not_reached' THEN decided.not_reached
            WHEN 'relapse' THEN 'pattern'
            WHEN 'gap' THEN 'gap'
            WHEN 'competing' THEN decided.competing_outcome
            ELSE {{ fell_silent }}
        END AS reason,
        {{ fell_silent }} AS fell_silent,
        spoken.last_spoken, closing.day AS outcome_day, closing.line AS outcome_line
    FROM decided
    LEFT JOIN free ON free.patient_id = decided.patient_id
    LEFT JOIN later_day ON later_day.patient_id = free.patient_id
        AND later_day.day = free.last_free_day
    LEFT JOIN spoken ON spoken.patient_id = decided.patient_id
    LEFT JOIN closing ON closing.patient_id = decided.patient_id AND closing.place = 1
    LEFT JOIN (
        SELECT patient_id, MAX(known_on) AS last_known
        FROM relevant
        WHERE verdict IN ('use', 'no_use'{{ ", 'possession'" if fills_count or dose }})
        GROUP BY patient_id
    ) AS ever ON ever.patient_id = decided.patient_id
)
SELECT
    ended.patient_id, ended.patient_line, ended.decision, ended.event, ended.reason, ended.fell_silent,
    ended.enrolled, ended.origin_day, ended.search_day, ended.origin_statement, ended.pattern_statement,
    ended.entry_day - ended.origin_day AS entry,
    ended.lower_day - ended.origin_day AS lower_day,
    CASE WHEN ended.event > 0 THEN ended.upper_day - ended.origin_day END AS upper_day,
    ended.last_free_day - ended.origin_day AS last_free,
    CASE ended.decision
        WHEN 'not_reached' THEN ended.search_day
        WHEN 'relapse' THEN ended.detected_day
        WHEN 'gap' THEN ended.gap_day
        WHEN 'competing' THEN ended.competing_day
        ELSE CASE WHEN ended.last_spoken > ended.last_free_day THEN ended.last_spoken
            ELSE ended.last_free_day END
    END AS decided_on,
    CASE ended.decision
        WHEN 'relapse' THEN COALESCE(relapse.file, free.file, ended.origin_file)
        WHEN 'competing' THEN {{ files.outcomes | literal }}
        WHEN 'not_reached' THEN CASE
            WHEN ended.competing_outcome IS NOT NULL AND ended.reason = ended.competing_outcome || '_before_origin'
                THEN {{ files.outcomes | literal }} ELSE {{ files.patients | literal }} END
        ELSE COALESCE(free.file, CASE WHEN ended.last_free_day = ended.entry_day AND ended.entry_day > ended.origin_day
            THEN {{ files.patients | literal }} WHEN ended.last_free_day = ended.outcome_day
            AND ended.last_free_day > ended.origin_day THEN {{ files.outcomes | literal }} END, ended.origin_file)
    END AS file,
    CASE ended.decision
        WHEN 'relapse' THEN COALESCE(relapse.line, free.line, ended.origin_line)
        WHEN 'competing' THEN ended.competing_line
        WHEN 'not_reached' THEN CASE
            WHEN ended.competing_outcome IS NOT NULL AND ended.reason = ended.competing_outcome || '_before_origin'
                THEN ended.competing_line ELSE ended.patient_line END
        ELSE COALESCE(free.line, CASE WHEN ended.last_free_day = ended.entry_day AND ended.entry_day > ended.origin_day
            THEN ended.patient_line WHEN ended.last_free_day = ended.outcome_day
            AND ended.last_free_day > ended.origin_day THEN ended.outcome_line END, ended.origin_line)
    END AS line,
    relapse.source AS relapse_source, relapse.subject AS relapse_subject,
    relapse.detail AS relapse_detail,
    CASE ended.decision WHEN 'relapse' THEN ended.detected_day WHEN 'gap' THEN ended.gap_day END
        - ended.origin_day AS detected,
    ended.first_day - ended.origin_day AS first_positive,
    ended.competing_outcome, ended.outcome_day - ended.origin_day AS outcome_on,
    CASE WHEN ended.last_spoken > ended.last_free_day THEN 1 ELSE 0 END AS unfinished
FROM interval_of AS ended
LEFT JOIN statement AS relapse ON relapse.statement_id = ended.pattern_statement
LEFT JOIN statement AS free ON free.statement_id = ended.free_statement
