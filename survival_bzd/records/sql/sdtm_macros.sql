{# A domain with what becomes of each row: the name of a study table, or why none. #}
{% macro judged(domain, code, seq, substance="''") -%}
SELECT *, fate NOT LIKE 'not %' AS is_used
FROM (
    SELECT
        d.*, {{ substance }} AS substance, {{ code }} AS code,
        TRIM('{{ domain }} ' || {{ seq }}) AS source,
        CASE WHEN NOT dm.is_used THEN 'not used: of a screen failure, who was never enrolled'
            ELSE {{ caller() }} END AS fate
    FROM {{ domain }} AS d
    LEFT JOIN sdtm_dm AS dm ON dm.USUBJID = d.USUBJID
    LEFT JOIN substance_named AS s ON s.name = {{ substance }}
) AS j
{%- endmacro %}
