"""Parquet from others: opened apart, each value taken exactly or its row set aside."""
