"""The warm worker: processes that have imported everything, claim what people ask for, and run the Dagster job."""
