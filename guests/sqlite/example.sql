-- Some real work: 20,000 rows in a transaction, an index, joins, a recursive
-- query, window functions, full-text search, JSON. Prints example.out.
CREATE TABLE IF NOT EXISTS sale(id INTEGER PRIMARY KEY, city TEXT, amount REAL);
BEGIN;
DELETE FROM sale;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
INSERT INTO sale SELECT i, 'city ' || (i * 7919 % 97), (i * 31 % 1000) / 4.0 FROM n;
COMMIT;
CREATE INDEX IF NOT EXISTS sale_city ON sale(city, amount);
SELECT count(*), sum(amount), max(amount) FROM sale;
SELECT city, count(*), round(avg(amount), 3) AS mean FROM sale
    GROUP BY city ORDER BY mean DESC, city LIMIT 3;
SELECT city, rank FROM (
    SELECT city, total, rank() OVER (ORDER BY total DESC, city) AS rank
    FROM (SELECT city, sum(amount) AS total FROM sale GROUP BY city)) WHERE rank <= 2;
SELECT count(*) FROM sale a JOIN sale b ON a.city = b.city AND a.amount = b.amount AND a.id < b.id;
BEGIN;
UPDATE sale SET amount = 0 WHERE id % 2 = 0;
ROLLBACK;
SELECT sum(amount) FROM sale;
CREATE VIRTUAL TABLE temp.note USING fts5(body);
INSERT INTO temp.note VALUES ('a Faaslet is born from its snapshot'), ('state is shared by pointer'),
    ('the snapshot is mapped, not copied');
SELECT group_concat(rowid) FROM temp.note WHERE note MATCH 'snapshot NOT born';
SELECT json_extract('{"a": [1, {"b": "deep"}]}', '$.a[1].b');
PRAGMA integrity_check;
