{% import 'sdtm_macros.sql' as sdtm %}
{% call sdtm.judged('DD', 'd.DDTESTCD', 'd.DDSEQ') %}
'not used: details of a death, whose date is in DM or DS'
{% endcall %}
