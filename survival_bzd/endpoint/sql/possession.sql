{# Episodes of possession from the fills that count: early refills of a substance carry over, a day in
   hospital uses up no supply and counts towards no gap. Time runs in ticks, the days that a patient is
   not in hospital; `until` is the first tick without supply. With more than the declared number of
   days without supply, possession has stopped. #}
WITH fill AS (
    SELECT
        counted.statement_id, fills.patient_id, fills.substance, fills.day,
        CAST(CEIL(COALESCE(fills.days_supply, {{ days_if_empty }})) AS INTEGER) AS supply,
        ROW_NUMBER() OVER (
            PARTITION BY fills.patient_id, fills.day, fills.substance, fills.strength_mg,
                fills.quantity, fills.days_supply
            ORDER BY fills.line) AS copy
    FROM counted
    JOIN statement ON statement.statement_id = counted.statement_id
    JOIN fills ON fills.line = statement.line
    WHERE counted.source = 'fills'
),
apart AS (
    SELECT
        patient_id, from_day, to_day, line,
        CASE WHEN from_day <= 1 + MAX(to_day) OVER (
            PARTITION BY patient_id ORDER BY from_day, to_day, line
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) THEN 0 ELSE 1 END AS opens
    FROM stays
    WHERE from_day IS NOT NULL AND to_day IS NOT NULL
),
joined AS (
    SELECT
        apart.*,
        SUM(opens) OVER (
            PARTITION BY patient_id ORDER BY from_day, to_day, line ROWS UNBOUNDED PRECEDING) AS place
    FROM apart
),
stay AS (
    SELECT
        merged.patient_id, merged.from_day, merged.to_day,
        merged.to_day - merged.from_day + 1 AS days,
        merged.from_day - COALESCE(SUM(merged.to_day - merged.from_day + 1) OVER (
            PARTITION BY merged.patient_id ORDER BY merged.from_day
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS tick
    FROM (
        SELECT patient_id, place, MIN(from_day) AS from_day, MAX(to_day) AS to_day
        FROM joined
        GROUP BY patient_id, place
    ) AS merged
),
clocked AS (
    SELECT
        fill.statement_id, fill.patient_id, fill.substance, fill.day, fill.supply,
        fill.day - COALESCE(SUM(
            CASE WHEN stay.to_day < fill.day THEN stay.days ELSE fill.day - stay.from_day END
        ), 0) AS tick
    FROM fill
    LEFT JOIN stay ON stay.patient_id = fill.patient_id AND stay.from_day < fill.day
    WHERE fill.copy = 1
    GROUP BY fill.statement_id, fill.patient_id, fill.substance, fill.day, fill.supply
),
supplied AS (
    SELECT
        clocked.*,
        SUM(supply) OVER (
            PARTITION BY patient_id, substance ORDER BY tick, statement_id
            ROWS UNBOUNDED PRECEDING) AS so_far
    FROM clocked
),
held AS (
    SELECT
        statement_id, patient_id, day, tick,
        {% if stockpile %}
        so_far + MAX(tick - so_far + supply) OVER (
            PARTITION BY patient_id, substance ORDER BY tick, statement_id
            ROWS UNBOUNDED PRECEDING) AS until
        {% else %}
        tick + supply AS until
        {% endif %}
    FROM supplied
),
opened AS (
    SELECT
        held.*,
        CASE WHEN tick <= {{ grace_days }} + MAX(until) OVER (
            PARTITION BY patient_id ORDER BY tick, statement_id
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) THEN 0 ELSE 1 END AS opens
    FROM held
),
numbered AS (
    SELECT
        opened.*,
        SUM(opens) OVER (
            PARTITION BY patient_id ORDER BY tick, statement_id ROWS UNBOUNDED PRECEDING) AS episode
    FROM opened
),
ranked AS (
    SELECT
        numbered.*,
        ROW_NUMBER() OVER (
            PARTITION BY patient_id, episode ORDER BY until DESC, statement_id DESC) AS place
    FROM numbered
),
episode AS (
    SELECT
        patient_id, episode, MIN(day) AS first_day, MAX(day) AS last_fill_day, MAX(until) AS until,
        MAX(CASE WHEN place = 1 THEN statement_id END) AS statement_id
    FROM ranked
    GROUP BY patient_id, episode
),
dated AS (
    SELECT
        episode.patient_id, episode.episode, episode.first_day, episode.last_fill_day,
        episode.statement_id,
        episode.until - 1 + COALESCE(SUM(
            CASE WHEN stay.tick <= episode.until - 1 THEN stay.days END), 0) AS last_covered,
        episode.until + {{ grace_days }} + COALESCE(SUM(
            CASE WHEN stay.tick <= episode.until + {{ grace_days }} THEN stay.days END), 0) AS stopped_day
    FROM episode
    LEFT JOIN stay ON stay.patient_id = episode.patient_id
    GROUP BY
        episode.patient_id, episode.episode, episode.first_day, episode.last_fill_day,
        episode.statement_id, episode.until
),
watched AS (
    SELECT
        dated.patient_id, dated.episode,
        MIN(recorded_outcome.day) AS outcome_day
    FROM dated
    JOIN recorded_outcome ON recorded_outcome.patient_id = dated.patient_id
        AND recorded_outcome.day >= dated.last_fill_day
    GROUP BY dated.patient_id, dated.episode
),
followed AS (
    SELECT
        dated.*,
        LEAD(dated.first_day) OVER (PARTITION BY dated.patient_id ORDER BY dated.episode) AS next_day
    FROM dated
)
SELECT
    followed.patient_id, CAST(followed.episode AS INTEGER) AS episode, followed.first_day,
    CAST(followed.last_covered AS INTEGER) AS last_covered,
    CASE WHEN followed.next_day IS NOT NULL OR followed.stopped_day <= CASE
            WHEN watched.outcome_day < observation.end_day THEN watched.outcome_day
            ELSE observation.end_day END
        THEN CAST(followed.stopped_day AS INTEGER) END AS stopped_day,
    followed.statement_id
FROM followed
JOIN observation ON observation.patient_id = followed.patient_id
LEFT JOIN watched ON watched.patient_id = followed.patient_id AND watched.episode = followed.episode
