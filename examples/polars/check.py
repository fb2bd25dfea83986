"""What polars does inside Pyodide: `make polars` builds it and runs this."""

import io

import polars as pl

people = pl.DataFrame({"name": ["Ada", "Grace", "Alan", "Ada"], "born": [1815, 1906, 1912, 1815], "n": [1, 2, 3, 4]})
places = pl.DataFrame({"name": ["Ada", "Alan"], "place": ["London", "Maida Vale"]})

grouped = people.group_by("name").agg(pl.col("n").sum()).sort("name")
assert grouped.rows() == [("Ada", 5), ("Alan", 3), ("Grace", 2)], grouped
joined = people.join(places, on="name", how="left").sort("n")
assert joined["place"].to_list() == ["London", None, "Maida Vale", "London"], joined
lazy = people.lazy().filter(pl.col("born") > 1900).select(pl.col("name").str.to_uppercase()).collect()
assert lazy["name"].to_list() == ["GRACE", "ALAN"], lazy
assert pl.read_csv(io.StringIO(people.write_csv())).equals(people)
assert pl.read_json(io.StringIO(people.write_json())).equals(people)
parquet = io.BytesIO()
people.write_parquet(parquet)
parquet.seek(0)
assert pl.read_parquet(parquet).equals(people)
people.write_parquet("/tmp/people.parquet")
assert pl.scan_parquet("/tmp/people.parquet").filter(pl.col("n") == 3).collect()["name"].to_list() == ["Alan"]
# More than is read or held in one piece.
many = pl.DataFrame({"n": range(200_000)}).with_columns((pl.col("n") % 1000).alias("rest"))
counted = many.lazy().group_by("rest").agg(pl.len().alias("count")).collect()
assert counted.height == 1000 and set(counted["count"]) == {200}, counted
many.write_csv("/tmp/many.csv")
last = pl.scan_csv("/tmp/many.csv").filter(pl.col("rest") == 999).select(pl.col("n").max()).collect()
assert last.item() == 199_999, last
total = pl.SQLContext(people=people).execute("select sum(n) as total from people").collect()
assert total.item() == 10, total
print(f"polars {pl.__version__}: grouped, joined, lazy, CSV, JSON, Parquet, SQL")
