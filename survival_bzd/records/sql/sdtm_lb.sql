{# Urine drug screens, by the specimen, and the category or the substance. #}
{% import 'sdtm_macros.sql' as sdtm %}
{% set name = "CASE WHEN d.LBSPEC NOT IN ('', 'URINE') THEN '' WHEN d.LBTEST <> '' THEN d.LBTEST ELSE d.LBTESTCD END" %}
{% set result = "UPPER(CASE WHEN d.LBSTRESC <> '' THEN d.LBSTRESC ELSE d.LBORRES END)" %}
{% call sdtm.judged('LB', 'd.LBTESTCD', 'd.LBSEQ', name) %}
CASE
    WHEN d.LBSPEC NOT IN ('', 'URINE') THEN 'not used: no urine'
    WHEN s.class = 'not_counted'
        AND NOT regexp_matches(UPPER(d.LBCAT || ' ' || d.LBSCAT), 'DRUG|TOXIC|ABUSE|SUBSTANCE')
        AND s.name NOT IN (SELECT name FROM declared_name)
        THEN 'not used: no drug screen, by its category and its name'
    WHEN d.LBTESTCD = 'LBALL' THEN 'not assessed: the whole panel was not done'
    WHEN d.LBSTAT = 'NOT DONE' THEN 'urine'
    WHEN {{ result }} IN ('POSITIVE', 'POS', 'DETECTED', 'PRESENT', 'NEGATIVE', 'NEG',
        'NOT DETECTED', 'NONE DETECTED', 'ABSENT', 'INVALID', 'INDETERMINATE', 'INCONCLUSIVE',
        'EQUIVOCAL') THEN 'urine'
    WHEN {{ result }} = '' THEN 'not assessed: no result'
    ELSE 'not used: a result that is neither positive nor negative'
END
{% endcall %}
