{% import 'sdtm_macros.sql' as sdtm %}
{% call sdtm.judged('EX', 'd.EXTRT', 'd.EXSEQ') %}
CASE WHEN d.EXOCCUR = 'N' THEN 'not used: it was not given (EXOCCUR)' ELSE 'treatments' END
{% endcall %}
