"""What stands behind `make`: it starts and stops Airflow, triggers runs through its REST API and follows them."""
