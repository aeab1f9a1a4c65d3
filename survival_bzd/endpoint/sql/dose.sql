{# Whether a day's dose reaches the share of the patient's baseline; unknown where an amount is empty,
   or of a substance that the baseline cannot be compared with and the rest does not reach it. Of a
   substance that stands twice on a day of the calendar the larger amount counts. #}
WITH fill AS (
    SELECT
        fills.*,
        ROW_NUMBER() OVER (
            PARTITION BY patient_id, day, substance, strength_mg, quantity, days_supply
            ORDER BY line) AS copy
    FROM fills
    WHERE day IS NOT NULL
),
amount AS (
    SELECT
        patient_id, 'use_days' AS source, day, substance, MAX(amount) AS mg,
        MAX(CASE WHEN amount IS NULL THEN 1 ELSE 0 END) AS lacking
    FROM use_days
    WHERE day IS NOT NULL
    GROUP BY patient_id, day, substance
    UNION ALL
    SELECT
        patient_id, 'fills', day, substance, SUM(strength_mg * quantity / days_supply),
        MAX(CASE WHEN strength_mg * quantity / days_supply IS NULL THEN 1 ELSE 0 END)
    FROM fill
    WHERE copy = 1
    GROUP BY patient_id, day, substance
),
compared AS (
    SELECT
        amount.patient_id, amount.source, amount.day, amount.mg, amount.lacking,
        patients.{{ dose.baseline | name }} AS baseline,
        {% if dose.drug is not none %}
        CASE WHEN amount.substance = patients.{{ dose.drug | name }} THEN 1.0 END AS factor
        {% elif equivalents %}
        CASE amount.substance
            {% for name, factor in equivalents %}
            WHEN {{ name | literal }} THEN {{ factor }}
            {% endfor %}
        END AS factor
        {% else %}
        1.0 AS factor
        {% endif %}
    FROM amount
    JOIN patients ON patients.patient_id = amount.patient_id
    JOIN substance ON substance.name = amount.substance
    WHERE substance.class IN ({{ substances | map('literal') | join(', ') or "''" }})
),
daily AS (
    SELECT
        patient_id, source, day, baseline,
        SUM(COALESCE(mg * factor, 0)) AS mg,
        MAX(CASE WHEN lacking = 1 OR (mg > 0 AND factor IS NULL) THEN 1 ELSE 0 END) AS lacking
    FROM compared
    GROUP BY patient_id, source, day, baseline
)
SELECT
    patient_id, source, day,
    CASE
        WHEN mg >= {{ dose.share }} * baseline * (1 - 1e-9) THEN 1
        WHEN lacking = 1 THEN NULL
        ELSE 0
    END AS reaches
FROM daily
