"""BigQuery's scalar functions as DuckDB macros, where DuckDB's own of that name do something else.

A macro must fit every argument type it may meet: all its branches are bound, `typeof` picks one. Casts inside a
branch are TRY_CASTs, because constants are folded in the other branches too. Where BigQuery fails, so does the macro.
Functions that are not here are DuckDB's own under the names functions.py gives them, or are refused.
https://cloud.google.com/bigquery/docs/reference/standard-sql/functions-all
"""

_FLOAT_TEXT = """bq_float_text(x) AS CASE
    WHEN isnan(x) OR isinf(x) THEN CAST(x AS VARCHAR)
    WHEN CAST(printf('%.15g', x) AS DOUBLE) = x THEN printf('%.15g', x)
    ELSE printf('%.17g', x) END"""

# A fraction of a second is shown with three or six digits.
_SECONDS_TEXT = """bq_seconds_text(x) AS strftime(x, '%Y-%m-%d %H:%M:%S') || CASE
    WHEN epoch_us(x) % 1000000 = 0 THEN ''
    WHEN epoch_us(x) % 1000 = 0 THEN strftime(x, '.%g')
    ELSE strftime(x, '.%f') END"""

_STRING = """bq_string(x) AS CASE
    WHEN typeof(x) IN ('DOUBLE', 'FLOAT') THEN bq_float_text(TRY_CAST(CAST(x AS VARCHAR) AS DOUBLE))
    WHEN typeof(x) = 'TIMESTAMP WITH TIME ZONE'
        THEN bq_seconds_text(CAST(TRY_CAST(CAST(x AS VARCHAR) AS TIMESTAMPTZ) AS TIMESTAMP)) || '+00'
    WHEN typeof(x) = 'TIMESTAMP' THEN bq_seconds_text(TRY_CAST(CAST(x AS VARCHAR) AS TIMESTAMP))
    WHEN starts_with(typeof(x), 'DECIMAL') AND contains(CAST(x AS VARCHAR), '.')
        THEN rtrim(rtrim(CAST(x AS VARCHAR), '0'), '.')
    WHEN typeof(x) IN ('BLOB', 'JSON', 'INTERVAL') OR ends_with(typeof(x), ']') OR starts_with(typeof(x), 'STRUCT')
        THEN error('Invalid cast from ' || typeof(x) || ' to STRING')
    ELSE CAST(x AS VARCHAR) END"""

_WHOLE = r"'\s*[+-]?(0[xX][0-9a-fA-F]+|[0-9]+)\s*'"

_INT64 = f"""bq_int64(x) AS CASE typeof(x)
    WHEN 'VARCHAR' THEN CASE WHEN regexp_full_match(CAST(x AS VARCHAR), {_WHOLE})
        THEN CAST(CAST(x AS VARCHAR) AS BIGINT) ELSE error('Bad int64 value: ' || CAST(x AS VARCHAR)) END
    WHEN 'DOUBLE' THEN CAST(round(TRY_CAST(x AS DOUBLE)) AS BIGINT)
    ELSE CAST(x AS BIGINT) END"""

_SAFE_INT64 = f"""bq_safe_int64(x) AS CASE typeof(x)
    WHEN 'VARCHAR' THEN CASE WHEN regexp_full_match(CAST(x AS VARCHAR), {_WHOLE})
        THEN TRY_CAST(CAST(x AS VARCHAR) AS BIGINT) END
    WHEN 'DOUBLE' THEN TRY_CAST(round(TRY_CAST(x AS DOUBLE)) AS BIGINT)
    ELSE TRY_CAST(x AS BIGINT) END"""

_BOOL = """bq_bool(x) AS CASE WHEN typeof(x) = 'VARCHAR' THEN
    CASE lower(CAST(x AS VARCHAR)) WHEN 'true' THEN true WHEN 'false' THEN false
        ELSE CASE WHEN x IS NOT NULL THEN error('Bad bool value: ' || CAST(x AS VARCHAR)) END END
    ELSE CAST(x AS BOOLEAN) END"""

_SAFE_BOOL = """bq_safe_bool(x) AS CASE WHEN typeof(x) = 'VARCHAR' THEN
    CASE lower(CAST(x AS VARCHAR)) WHEN 'true' THEN true WHEN 'false' THEN false END
    ELSE TRY_CAST(x AS BOOLEAN) END"""

_NUMBERS = (
    """bq_divide(a, b) AS CASE WHEN b = 0
        THEN error('division by zero: ' || CAST(a AS VARCHAR) || ' / ' || CAST(b AS VARCHAR)) ELSE a / b END""",
    "bq_safe_divide(a, b) AS CASE WHEN b = 0 THEN NULL ELSE a / b END",
    "bq_div(a, b) AS CASE WHEN b = 0 THEN error('division by zero: DIV by 0') ELSE a // b END",
    "bq_mod(a, b) AS CASE WHEN b = 0 THEN error('division by zero: MOD by 0') ELSE a % b END",
    """bq_minus(a, b) AS CASE WHEN typeof(a) = 'DATE' AND typeof(b) = 'DATE'
        THEN error('DATE - DATE is an INTERVAL, which is not supported here: use DATE_DIFF') ELSE a - b END""",
    "bq_ieee_divide(a, b) AS CAST(a AS DOUBLE) / CAST(b AS DOUBLE)",
    "bq_log(x, base) AS ln(x) / ln(base)",
)

# Position 0 is 1; a position further left than the text is its start.
_TEXTS = (
    """bq_substr(s, p, n) AS CASE WHEN n < 0 THEN error('Third argument in SUBSTR() cannot be negative')
        ELSE substring(s, CASE WHEN p = 0 OR p < -length(s) THEN 1 ELSE p END, n) END""",
    "bq_substr_from(s, p) AS substring(s, CASE WHEN p = 0 OR p < -length(s) THEN 1 ELSE p END)",
    "bq_left(s, n) AS CASE WHEN n < 0 THEN error('LEFT: length cannot be negative') ELSE left(s, n) END",
    "bq_right(s, n) AS CASE WHEN n < 0 THEN error('RIGHT: length cannot be negative') ELSE right(s, n) END",
    "bq_length(s) AS CASE typeof(s) WHEN 'BLOB' THEN octet_length(CAST(s AS BLOB)) ELSE length(CAST(s AS VARCHAR)) END",
    """bq_byte_length(s) AS CASE typeof(s) WHEN 'BLOB' THEN octet_length(CAST(s AS BLOB))
        ELSE strlen(CAST(s AS VARCHAR)) END""",
    "bq_spaces() AS ' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13) || chr(133) || chr(160)",
    "bq_regexp_extract(s, r, g) AS CASE WHEN regexp_matches(s, r) THEN regexp_extract(s, r, g) END",
    "bq_array_to_string(a, d, n) AS array_to_string(list_transform(a, lambda x: coalesce(x, n)), d)",
)

_ARRAYS = (
    """bq_offset(a, i) AS CASE
        WHEN typeof(a) = 'JSON' THEN error('a JSON subscript by number is not supported here: use JSON_QUERY')
        WHEN i < 0 OR i >= len(a) THEN error('Array index ' || i || ' is out of bounds') ELSE a[i + 1] END""",
    "bq_safe_offset(a, i) AS CASE WHEN i < 0 THEN NULL ELSE a[i + 1] END",
    "bq_array_concat(a, b) AS CASE WHEN a IS NULL OR b IS NULL THEN NULL ELSE list_concat(a, b) END",
    "bq_array_first(a) AS CASE WHEN len(a) = 0 THEN error('ARRAY_FIRST of an empty array') ELSE a[1] END",
    "bq_array_last(a) AS CASE WHEN len(a) = 0 THEN error('ARRAY_LAST of an empty array') ELSE a[-1] END",
    "bq_date_array(a, b, step) AS CAST(generate_series(CAST(a AS TIMESTAMP), CAST(b AS TIMESTAMP), step) AS DATE[])",
    "bq_timestamp_array(a, b, step) AS generate_series(CAST(a AS TIMESTAMPTZ), CAST(b AS TIMESTAMPTZ), step)",
)

_TIMES = (
    """bq_date_trunc(part, x) AS CASE WHEN typeof(x) NOT IN ('DATE', '"NULL"')
        THEN error('DATE_TRUNC of a ' || typeof(x) || ' is not supported here')
        ELSE CAST(date_trunc(part, CAST(x AS TIMESTAMP)) AS DATE) END""",
    """bq_timestamp_trunc(part, x) AS CASE WHEN typeof(x) NOT IN ('TIMESTAMP WITH TIME ZONE', '"NULL"')
        THEN error('TIMESTAMP_TRUNC of a ' || typeof(x) || ' is not supported here')
        ELSE date_trunc(part, CAST(x AS TIMESTAMPTZ)) END""",
    "bq_timestamp_trunc_in(part, x, zone) AS timezone(zone, date_trunc(part, timezone(zone, CAST(x AS TIMESTAMPTZ))))",
    "bq_datetime_trunc(part, x) AS date_trunc(part, CAST(x AS TIMESTAMP))",
    "bq_sunday(x) AS date_trunc('week', CAST(x AS TIMESTAMP) + to_days(1)) - to_days(1)",
    "bq_date_sunday(x) AS CAST(bq_sunday(CAST(x AS DATE)) AS DATE)",
    "bq_timestamp_sunday(x) AS CAST(bq_sunday(x) AS TIMESTAMPTZ)",
    "bq_week_diff(a, b) AS date_diff('day', bq_sunday(b), bq_sunday(a)) // 7",
    """bq_isoweek_diff(a, b) AS
        date_diff('day', date_trunc('week', CAST(b AS TIMESTAMP)), date_trunc('week', CAST(a AS TIMESTAMP))) // 7""",
    "bq_micros_diff(a, b, unit) AS (epoch_us(CAST(a AS TIMESTAMPTZ)) - epoch_us(CAST(b AS TIMESTAMPTZ))) // unit",
    "bq_date_add(x, step) AS CAST(CAST(x AS DATE) + step AS DATE)",
    "bq_date_sub(x, step) AS CAST(CAST(x AS DATE) - step AS DATE)",
    "bq_timestamp_add(x, step) AS CAST(x AS TIMESTAMPTZ) + step",
    "bq_timestamp_sub(x, step) AS CAST(x AS TIMESTAMPTZ) - step",
    "bq_datetime_add(x, step) AS CAST(x AS TIMESTAMP) + step",
    "bq_datetime_sub(x, step) AS CAST(x AS TIMESTAMP) - step",
    "bq_time_add(x, step) AS CAST(x AS TIME) + step",
    "bq_time_sub(x, step) AS CAST(x AS TIME) - step",
    "bq_unix(x, unit) AS CAST(floor_div(epoch_us(CAST(x AS TIMESTAMPTZ)), unit) AS BIGINT)",
    "bq_from_unix(x, unit) AS make_timestamptz(CAST(x AS BIGINT) * unit)",
    "bq_date_in(x, zone) AS CAST(timezone(zone, CAST(x AS TIMESTAMPTZ)) AS DATE)",
    "bq_datetime_in(x, zone) AS timezone(zone, CAST(x AS TIMESTAMPTZ))",
    "bq_timestamp_in(x, zone) AS timezone(zone, CAST(x AS TIMESTAMP))",
    "bq_time_in(x, zone) AS CAST(timezone(zone, CAST(x AS TIMESTAMPTZ)) AS TIME)",
    "bq_format(x, f) AS strftime(CAST(x AS TIMESTAMP), f)",
    "bq_format_time(x, f) AS strftime(DATE '1970-01-01' + CAST(x AS TIME), f)",
    "bq_parse(s, f, g) AS coalesce(try_strptime(s, f), strptime(s, g))",
    "bq_bucket(x, step) AS time_bucket(step, CAST(x AS TIMESTAMPTZ), TIMESTAMPTZ '1950-01-01 00:00:00+00')",
    "bq_last_day(x) AS last_day(CAST(x AS DATE))",
    "bq_unix_date(x) AS date_diff('day', DATE '1970-01-01', CAST(x AS DATE))",
    "bq_from_unix_date(x) AS DATE '1970-01-01' + CAST(x AS INTEGER)",
)

_JSON_TEXT = """bq_to_json_string(x) AS CASE
    WHEN typeof(x) = 'TIMESTAMP WITH TIME ZONE'
        THEN '"' || replace(replace(bq_string(x), ' ', 'T'), '+00', 'Z') || '"'
    WHEN typeof(x) = 'TIMESTAMP' THEN '"' || replace(bq_string(x), ' ', 'T') || '"'
    WHEN regexp_matches(typeof(x), 'TIMESTAMP|BLOB|DECIMAL|INTERVAL')
        THEN error('TO_JSON of a ' || typeof(x) || ' is not supported here')
    WHEN x IS NULL THEN 'null'
    ELSE CAST(to_json(x) AS VARCHAR) END"""

_JSON = (
    """bq_json_value(j, path) AS CASE
        WHEN NOT json_valid(j) OR json_type(j, path) IN ('OBJECT', 'ARRAY', 'NULL') THEN NULL
        ELSE json_extract_string(j, path) END""",
    """bq_json_query(j, path) AS CASE WHEN typeof(j) <> 'JSON'
        THEN error('JSON_QUERY of a ' || typeof(j) || ' is not supported here: use PARSE_JSON')
        ELSE json_extract(j, path) END""",
    """bq_json_query_array(j, path) AS CASE
        WHEN typeof(j) <> 'JSON'
            THEN error('JSON_QUERY_ARRAY of a ' || typeof(j) || ' is not supported here: use PARSE_JSON')
        WHEN json_type(j, path) = 'ARRAY' THEN CAST(json_extract(j, path) AS JSON[]) END""",
    """bq_json_value_array(j, path) AS CASE WHEN json_valid(j) AND json_type(j, path) = 'ARRAY'
        THEN list_transform(CAST(json_extract(j, path) AS JSON[]), lambda e: bq_json_value(e, '$')) END""",
    """bq_json_type(j) AS CASE json_type(j) WHEN 'VARCHAR' THEN 'string' WHEN 'OBJECT' THEN 'object'
        WHEN 'ARRAY' THEN 'array' WHEN 'BOOLEAN' THEN 'boolean' WHEN 'NULL' THEN 'null' WHEN NULL THEN NULL
        ELSE CASE WHEN j IS NOT NULL THEN 'number' END END""",
    """bq_json_int64(j) AS CASE WHEN j IS NULL THEN NULL
        WHEN bq_json_type(j) = 'number' AND TRY_CAST(CAST(j AS VARCHAR) AS DOUBLE) % 1 = 0
        THEN TRY_CAST(CAST(j AS VARCHAR) AS BIGINT)
        ELSE error('The provided JSON input is not an integer: ' || CAST(j AS VARCHAR)) END""",
    """bq_json_float64(j) AS CASE WHEN j IS NULL THEN NULL
        WHEN bq_json_type(j) = 'number' THEN TRY_CAST(CAST(j AS VARCHAR) AS DOUBLE)
        ELSE error('The provided JSON input is not a number: ' || CAST(j AS VARCHAR)) END""",
    """bq_json_bool(j) AS CASE WHEN j IS NULL THEN NULL
        WHEN bq_json_type(j) = 'boolean' THEN TRY_CAST(CAST(j AS VARCHAR) AS BOOLEAN)
        ELSE error('The provided JSON input is not a boolean: ' || CAST(j AS VARCHAR)) END""",
    """bq_text_of(x) AS CASE WHEN typeof(x) <> 'JSON' THEN bq_string(x) WHEN x IS NULL THEN NULL
        WHEN bq_json_type(TRY_CAST(CAST(x AS VARCHAR) AS JSON)) = 'string'
        THEN json_extract_string(TRY_CAST(CAST(x AS VARCHAR) AS JSON), '$')
        ELSE error('The provided JSON input is not a string: ' || CAST(x AS VARCHAR)) END""",
)

MACROS: tuple[str, ...] = (
    "floor_div(a, unit) AS (a - ((a % unit) + unit) % unit) // unit",
    _FLOAT_TEXT,
    _SECONDS_TEXT,
    _STRING,
    _INT64,
    _SAFE_INT64,
    _BOOL,
    _SAFE_BOOL,
    *_NUMBERS,
    *_TEXTS,
    *_ARRAYS,
    *_TIMES,
    *_JSON,
    _JSON_TEXT,
)
