{# Who was enrolled; who failed the screening was not. #}
SELECT *, fate = 'patients' AS is_used, fate = 'patients' AND (DTHFL = 'Y' OR DTHDTC <> '') AS died
FROM (
    SELECT
        *, '' AS code, 'DM' AS source,
        CASE WHEN 'SCRNFAIL' IN (UPPER(ARMCD), UPPER(ACTARMCD)) OR UPPER(ARMNRS) = 'SCREEN FAILURE'
            THEN 'not used: a screen failure, who was never enrolled' ELSE 'patients' END AS fate
    FROM DM
) AS j
