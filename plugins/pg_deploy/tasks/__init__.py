"""The thin layer between Airflow and the core: connection in, one call into the core, a small result out."""
