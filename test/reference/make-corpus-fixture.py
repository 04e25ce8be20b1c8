# Writes test/fixtures/corpus/pyarrow.parquet: what another writer makes of documents. Needs pyarrow (made with 26.0.1).
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

table = pa.table(
    {
        "id": pa.array([1, 2, 3, 4], pa.int64()),
        "text": pa.array(["one", "zwei ä", None, "vier"], pa.large_string()),
        "category": pa.array(["k", "k", "l", None]).dictionary_encode(),
        "tags": pa.array([["a"], [], None, ["b", "c"]]),
    }
)
pq.write_table(table, Path(__file__).parents[1] / "fixtures/corpus/pyarrow.parquet", compression="zstd", row_group_size=3, data_page_version="2.0")
