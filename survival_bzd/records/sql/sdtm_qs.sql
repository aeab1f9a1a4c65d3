{% import 'sdtm_macros.sql' as sdtm %}
{% set score = "CASE WHEN d.QSSTRESN <> '' THEN d.QSSTRESN WHEN d.QSSTRESC <> '' THEN d.QSSTRESC ELSE d.QSORRES END" %}
{% call sdtm.judged('QS', 'd.QSTESTCD', 'd.QSSEQ') %}
CASE
    WHEN d.QSSTAT = 'NOT DONE' THEN 'not assessed: not done (QSSTAT)'
    WHEN {{ score }} = '' THEN 'not assessed: no result'
    WHEN NOT regexp_matches({{ score }}, '^[+-]?[0-9]+[.]?[0-9]*([eE][+-]?[0-9]+)?$')
        THEN 'not used: a result that is no number'
    ELSE 'scales'
END
{% endcall %}
