{# Contacts, and what was asked there about use: an answer is of the visit on its day. One that did
   not occur has its planned day, counted from RFSTDTC, which is day 1. #}
WITH answer AS (
    SELECT
        USUBJID, {{ day('SUDTC') }} AS day, {{ flag('SUDTC') }} AS flag,
        CASE
            WHEN SUEVLINT = '' THEN NULL
            WHEN SUEVLINT LIKE '%D' THEN TRY_CAST(regexp_extract(SUEVLINT, '[0-9]+') AS INTEGER)
            WHEN SUEVLINT LIKE '%W' THEN 7 * TRY_CAST(regexp_extract(SUEVLINT, '[0-9]+') AS INTEGER)
            ELSE CAST({{ day('SUDTC') }} AS DATE) - CAST(CAST({{ day('SUDTC') }} AS DATE)
                - TO_MONTHS(TRY_CAST(regexp_extract(SUEVLINT, '[0-9]+') AS INTEGER)) AS DATE)
        END AS recall_days,
        SUOCCUR AS used, source, line
    FROM sdtm_su WHERE fate = 'visits'
),
answered AS (
    SELECT
        USUBJID, day, MAX(flag) AS flag, recall_days, MAX(used) AS used,
        MIN(source) AS source, MIN(line) AS line
    FROM answer GROUP BY USUBJID, day, recall_days
),
contact AS (
    SELECT
        v.USUBJID,
        COALESCE({{ day('v.SVSTDTC') }}, CASE WHEN v.SVSTDTC = '' THEN strftime(
            CAST({{ day('dm.RFSTDTC') }} AS DATE) + CAST(v.planned AS INTEGER)
            - CASE WHEN v.planned > 0 THEN 1 ELSE 0 END, '%Y-%m-%d') END) AS day,
        {{ flag('v.SVSTDTC') }} AS flag,
        CASE
            WHEN v.SVOCCUR = 'N' AND regexp_matches(UPPER(v.SVREASOC), 'NOT (REQUIRED|PLANNED|SCHEDULED)')
                THEN 'not_required'
            WHEN v.SVOCCUR = 'N' THEN 'missed' ELSE 'attended'
        END AS status,
        v.source, v.line
    FROM (
        SELECT *, CASE WHEN ABS(TRY_CAST(VISITDY AS DOUBLE)) < 36525
            THEN TRY_CAST(VISITDY AS DOUBLE) END AS planned
        FROM sdtm_sv WHERE is_used
    ) AS v
    JOIN sdtm_dm AS dm ON dm.USUBJID = v.USUBJID
)
SELECT
    USUBJID AS patient_id, day AS date, 'attended' AS status,
    CASE used WHEN 'Y' THEN 'yes' WHEN 'N' THEN 'no' END AS use, recall_days,
    flag AS date_imputed, source, line AS source_row
FROM answered
UNION ALL
SELECT c.USUBJID, c.day, c.status, NULL, NULL, c.flag, c.source, c.line
FROM contact AS c
WHERE NOT (c.status = 'attended' AND EXISTS (
    SELECT 1 FROM answered AS a WHERE a.USUBJID = c.USUBJID AND a.day = c.day))
