{# A medication that was dispensed; one that was taken or prescribed is no fill. #}
{% import 'sdtm_macros.sql' as sdtm %}
{% set name = "CASE WHEN d.CMDECOD <> '' THEN d.CMDECOD ELSE d.CMTRT END" %}
{% call sdtm.judged('CM', "TRIM(d.CMCAT || ' ' || d.CMSCAT)", 'd.CMSEQ', name) %}
CASE
    WHEN NOT regexp_matches(UPPER(d.CMCAT || ' ' || d.CMSCAT), 'DISPENS|FILL|PHARMACY|CLAIM')
        THEN 'not used: no dispensing, by its category (CMCAT)'
    WHEN d.CMOCCUR = 'N' THEN 'not used: it was not dispensed (CMOCCUR)'
    WHEN s.class NOT IN ('benzodiazepine', 'z_drug') THEN 'not used: a substance that does not count'
    ELSE 'fills'
END
{% endcall %}
