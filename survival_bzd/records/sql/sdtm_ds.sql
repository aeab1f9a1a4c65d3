{# How the participation in the study ended; not how a treatment did, nor what was reached before. #}
{% import 'sdtm_macros.sql' as sdtm %}
{% call sdtm.judged('DS', 'd.DSDECOD', 'd.DSSEQ') %}
CASE
    WHEN UPPER(d.DSCAT) NOT IN ('', 'DISPOSITION EVENT') THEN 'not used: no disposition (DSCAT)'
    WHEN UPPER(d.DSDECOD) = 'DEATH' THEN 'outcomes'
    WHEN regexp_matches(UPPER(d.DSSCAT), 'TREATMENT|STUDY DRUG|MEDICATION|EXPOSURE')
        THEN 'not used: the end of a treatment, not of the observation (DSSCAT)'
    WHEN UPPER(d.DSDECOD) IN (
        'COMPLETED', 'STUDY TERMINATED BY SPONSOR', 'SITE TERMINATED BY SPONSOR',
        'LOST TO FOLLOW-UP', 'WITHDRAWAL BY SUBJECT', 'WITHDRAWAL BY PARENT/GUARDIAN',
        'ADVERSE EVENT', 'PHYSICIAN DECISION', 'LACK OF EFFICACY', 'PROTOCOL DEVIATION',
        'PROTOCOL VIOLATION', 'NON-COMPLIANCE WITH STUDY DRUG', 'PREGNANCY', 'DISEASE RELAPSE',
        'PROGRESSIVE DISEASE', 'RECOVERY', 'TECHNICAL PROBLEMS'
    ) THEN 'outcomes'
    ELSE 'not used: not known how observation ended (DSDECOD)'
END
{% endcall %}
