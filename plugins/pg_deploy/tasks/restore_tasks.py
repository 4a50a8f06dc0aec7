"""What the task of restore_backup does."""

from __future__ import annotations

from airflow.sdk import get_current_context

from pg_deploy.backup.restore_beside import choose_backup, new_database_name, restore_beside
from pg_deploy.configuration.backup import backup_settings
from pg_deploy.configuration.conf import RestoreConf, checked_conf
from pg_deploy.tasks.object_store import open_store
from pg_deploy.tasks.run import chosen_conf, failing_plainly, log, project_in, target_of


def restore() -> str:
    """As the step `restore`."""
    with failing_plainly():
        context = get_current_context()
        conf = checked_conf(RestoreConf, chosen_conf(context))
        project = project_in(context)
        target, configured = target_of(project, conf.target), backup_settings()
        store = open_store(configured.uri)
        name = choose_backup(store, target, conf.backup, configured, targets=project.targets)
        database = conf.database or new_database_name(target)
        log.info('restoring %s into the new database "%s"; the target is left alone', name, database)
        made = restore_beside(target, store, name, database, configured, log=log)
    log.info('"%s" is restored, and holds the rows of the backup', made.database)
    for title, lines in (("not as in the backup", made.differences), ("notes", made.notes)):
        if lines:
            log.info("::group::%s: %d", title, len(lines))
            for line in lines:
                log.info("%s", line)
            log.info("::endgroup::")
    log.info("what to do next:")
    for line in made.steps:
        log.info("  %s", line)
    return made.database
