SELECT
    d.USUBJID AS patient_id, {{ day('d.RFSTDTC') }} AS enrolled, {{ flag('d.RFSTDTC') }} AS enrolled_imputed,
    {% for name in covariates %}
    {{ 'c' ~ loop.index }}.value AS {{ name | name }},
    {% endfor %}
    d.source, d.line AS source_row
FROM sdtm_dm AS d
{% for name in covariates %}
LEFT JOIN covariate AS {{ 'c' ~ loop.index }}
    ON {{ 'c' ~ loop.index }}.USUBJID = d.USUBJID AND {{ 'c' ~ loop.index }}.name = {{ name | literal }}
{% endfor %}
WHERE d.is_used
