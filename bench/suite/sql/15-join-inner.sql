-- Each rating with its film, whose popularity is skewed.
-- reads ratings movies
SELECT r.user_id, r.movie, r.rating, m.title, m.released
FROM ratings AS r JOIN movies AS m ON r.movie = m.movie
WHERE m.released >= 1950
