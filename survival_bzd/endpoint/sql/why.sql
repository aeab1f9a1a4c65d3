{# The same in words, with the deciding record. #}
{% macro said(value) %}CAST({{ value }} AS {{ text }}){% endmacro %}
{% set record %}' (' || file || ', line ' || {{ said('line') }} || ')'{% endset %}
{% set free %}CASE WHEN last_free = 0 THEN 'not known free after the origin' ELSE 'last known free on day ' || {{ said('last_free') }} END{% endset %}
SELECT
    decided.*,
    CASE
        WHEN decision = 'not_reached' THEN 'never reached the origin: ' || CASE reason
            WHEN 'never_confirmed' THEN {{ never_confirmed | literal }}
            WHEN 'no_use' THEN 'no statement of use from which to search'
            WHEN 'no_treatment' THEN 'no treatment recorded'
            WHEN 'no_date' THEN 'the date of origin is empty'
            WHEN 'observation_ended_before_origin' THEN 'observation ended before it'
            ELSE competing_outcome || ' came first' END || {{ record }}
        WHEN decision = 'relapse' THEN 'relapse: ' || CASE relapse_source
            WHEN 'urine' THEN 'urine, ' || relapse_subject || ' ' || relapse_detail
            WHEN 'visits' THEN 'report of use at a visit'
            ELSE 'calendar, ' || relapse_subject || ' ' || relapse_detail END
            || ', on day ' || {{ said('detected') }} || {{ record }}
            || CASE WHEN first_positive < detected
                THEN ', completes the pattern that began on day ' || {{ said('first_positive') }} ELSE '' END
            || '; ' || {{ free }}
        WHEN decision = 'gap' THEN {{ ('relapse' if missing == 'relapse' else 'censored') | literal }}
            || ': nothing known for more than {{ gap_days }} days' || '; ' || {{ free }} || {{ record }}
        WHEN decision = 'competing' THEN competing_outcome || ' on day ' || {{ said('lower_day') }}
            || {{ record }} || ', ' || {{ said('lower_day - last_free') }} || ' days after the last day known free'
        ELSE 'censored: ' || {{ free }} || {{ record }} || CASE reason
            WHEN 'nothing_recorded' THEN '; nothing recorded after the origin'
            WHEN 'cut_off' THEN '; later records lie beyond the cut-off'
            WHEN 'last_statement' THEN '; nothing recorded after it'
            ELSE '; ' || REPLACE(reason, '_', ' ') || ' on day ' || {{ said('outcome_on') }} END
    END AS why
FROM decided
