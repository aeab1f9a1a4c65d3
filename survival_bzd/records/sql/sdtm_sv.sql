{% import 'sdtm_macros.sql' as sdtm %}
{% call sdtm.judged('SV', "CASE WHEN d.VISIT <> '' THEN d.VISIT ELSE d.VISITNUM END", 'd.VISITNUM') %}
CASE WHEN d.SVSTDTC = '' AND d.VISITDY = '' AND d.SVOCCUR = 'N'
    THEN 'not used: it did not occur, and has neither a date nor a planned day' ELSE 'visits' END
{% endcall %}
