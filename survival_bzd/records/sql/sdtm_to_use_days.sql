{# Use on the first day and the last of a period; on those between where it was daily. #}
WITH spell AS (
    SELECT
        *, {{ day('SUSTDTC') }} AS first_day,
        COALESCE({{ day('SUENDTC') }}, {{ day('SUSTDTC') }}) AS last_day,
        COALESCE({{ flag('SUSTDTC') }}, {{ flag('SUENDTC') }}) AS flag,
        SUDOSE AS amount
    FROM sdtm_su WHERE fate = 'use_days'
),
daily AS (
    SELECT
        *, unnest(CASE
            WHEN first_day IS NULL OR last_day <= first_day THEN [first_day]
            WHEN regexp_matches(UPPER(SUDOSFRQ), '^(QD|BID|TID|QID|QHS|QAM|QPM|Q[0-9]+H|[0-9]+ TIMES PER DAY|PER DAY|DAILY)$')
                THEN list_transform(generate_series(CAST(first_day AS DATE), CAST(last_day AS DATE),
                    INTERVAL 1 DAY), lambda d: strftime(d, '%Y-%m-%d'))
            ELSE [first_day, last_day]
        END) AS day
    FROM spell
)
SELECT
    USUBJID AS patient_id, day AS date, substance, amount, flag AS date_imputed, source,
    line AS source_row
FROM daily
