{# The statements of the sources and about the substances that this endpoint counts, each with the
   place of its source in the list. #}
SELECT
    statement.*, ranked.source_rank
FROM statement
JOIN (
    {% for source in sources %}
    SELECT {{ source | literal }} AS source, {{ loop.index }} AS source_rank{{ ' UNION ALL' if not loop.last }}
    {% endfor %}
    {% if 'use_days' in sources %}
    UNION ALL SELECT 'use_windows', {{ sources.index('use_days') + 1 }}
    {% endif %}
) AS ranked ON ranked.source = statement.source
WHERE statement.substance IS NULL
    OR statement.substance IN ({{ substances | map('literal') | join(', ') or "''" }})
