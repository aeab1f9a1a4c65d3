{# The verdict of each assessed day after the origin. #}
{% from 'assessed_day.sql' import resolve with context %}
{{ resolve('later') }}
