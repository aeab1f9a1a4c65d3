{# The supply in days is CMDUR, the qualifier DAYSSUPP, or the days from the first to the last. #}
{% macro qualifier(names) -%}
(SELECT MIN(q.QVAL) FROM SUPPCM AS q WHERE q.USUBJID = f.USUBJID AND q.IDVAR = 'CMSEQ'
    AND q.IDVARVAL = f.CMSEQ AND UPPER(q.QNAM) IN ({{ names | map('literal') | join(', ') }}))
{%- endmacro %}
SELECT
    f.USUBJID AS patient_id, {{ day('f.CMSTDTC') }} AS date, f.substance,
    CASE WHEN LOWER(f.CMDOSU) = 'mg' THEN f.CMDOSE END AS strength_mg,
    {{ qualifier(['CMQTY', 'QTY', 'QUANTITY']) }} AS quantity,
    COALESCE(
        CASE WHEN regexp_matches(f.CMDUR, '^P[0-9]{1,5}D$') THEN regexp_extract(f.CMDUR, '[0-9]+')
            WHEN regexp_matches(f.CMDUR, '^P[0-9]{1,4}W$')
                THEN CAST(7 * CAST(regexp_extract(f.CMDUR, '[0-9]+') AS INTEGER) AS VARCHAR) END,
        {{ qualifier(['DAYSSUPP', 'DAYSUPP', 'CMDAYSUP']) }},
        CAST(CAST({{ day('f.CMENDTC') }} AS DATE) - CAST({{ day('f.CMSTDTC') }} AS DATE) + 1 AS VARCHAR)
    ) AS days_supply,
    {{ flag('f.CMSTDTC') }} AS date_imputed, f.source, f.line AS source_row
FROM sdtm_cm AS f WHERE f.is_used
