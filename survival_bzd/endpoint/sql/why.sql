{# The same in words, with the deciding record. #}
{% macro said(value) %}CAST({{ value }} AS {{ text }}){% endmacro %}
{% macro days(value) %}{{ said(value) }} || CASE {{ value }} WHEN 1 THEN ' day' ELSE ' days' END{% endmacro %}
{% set record %}' (' || file || ', line ' || {{ said('line') }} || ')'{% endset %}
{% set free %}CASE WHEN last_free = 0 THEN 'not known free after the origin' ELSE 'last known free on day ' || {{ said('last_free') }} END{% endset %}
SELECT
    decided.*,
    CASE decision
        WHEN 'not_reached' THEN 'never reached the origin: ' || CASE reason
            WHEN 'never_confirmed' THEN {{ never_confirmed | literal }}
            WHEN 'no_use' THEN 'no statement of use to search from'
            WHEN 'no_treatment' THEN 'no treatment recorded'
            WHEN 'no_fill' THEN 'no fill to search from'
            WHEN 'no_date' THEN 'the date to count from is empty'
            WHEN 'observation_ended_before_origin' THEN 'observation ended before it'
            ELSE REPLACE(competing_outcome, '_', ' ') || ' came first' END || {{ record }}
        WHEN 'relapse' THEN 'relapse found on day ' || {{ said('detected') }} || ': ' || CASE COALESCE(relapse_source, 'missing')
            WHEN 'missing' THEN 'weeks without a record count as use'
            WHEN 'urine' THEN 'urine ' || relapse_subject || ' ' || relapse_detail
            WHEN 'visits' THEN 'use reported at a visit'
            WHEN 'fills' THEN 'fill of ' || relapse_subject
            ELSE relapse_subject || ' in the calendar of use, ' || relapse_detail END || {{ record }}
            || CASE WHEN first_positive < detected
                THEN ', which completes the pattern begun on day ' || {{ said('first_positive') }} ELSE '' END
            || '; ' || {% if fills_only %}'no other fill since the origin'{% else %}{{ free }}{% endif %}

        WHEN 'gap' THEN {% if missing == 'relapse' %}'relapse assumed on day ' || {{ said('detected') }}{% else %}'censored'{% endif %}
            || ': nothing known for more than {{ gap_days }} days; ' || {{ free }} || {{ record }}
        WHEN 'competing' THEN REPLACE(competing_outcome, '_', ' ') || ' on day ' || {{ said('lower_day') }}
            || {{ record }} || CASE WHEN last_free = lower_day THEN ', a day known free'
                ELSE ', ' || {{ days('lower_day - last_free') }} || ' after the last day known free' END
        ELSE 'censored: ' || {{ free }} || {{ record }} || CASE reason
            WHEN 'nothing_recorded' THEN '; nothing recorded after the origin'
            WHEN 'end_of_observation' THEN '; no fill until observation ended'
            WHEN 'cut_off' THEN '; later records lie beyond the cut-off'
            WHEN 'last_statement' THEN CASE unfinished
                WHEN 1 THEN '; the use recorded after it does not complete the pattern'
                ELSE '; nothing recorded after it' END
            ELSE '; ' || REPLACE(reason, '_', ' ') || ' on day ' || {{ said('outcome_on') }} END
    END AS why
FROM decided
