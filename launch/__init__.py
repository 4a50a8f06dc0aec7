"""The commands behind `make`: they start and stop Airflow, trigger runs through its REST API and follow them."""
