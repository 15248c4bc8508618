"""The doorway for Dagster: everything that mx_pipeline defines, and nothing that asks a database."""

import dagster as dg

from mx_pipeline.defs.alerts import failed_runs
from mx_pipeline.defs.anomalies import every_day, look_for_anomalies, no_anomaly
from mx_pipeline.defs.assets import MX_INVOICE, MX_PAYMENT, merchant_sync
from mx_pipeline.defs.canary import canary, every_quarter
from mx_pipeline.defs.category_model import category_model, models_of_the_week, train_models
from mx_pipeline.defs.figures import draw_clinic_figures, draw_figures, figures_of_the_day
from mx_pipeline.defs.freshness import merchants_are_fresh
from mx_pipeline.defs.jobs import sync_merchant
from mx_pipeline.defs.resources import resources
from mx_pipeline.defs.rounds import sync_round
from mx_pipeline.defs.run_logs import CONSOLE, as_we_log, log_as_we_do
from mx_pipeline.defs.schedules import rounds
from mx_pipeline.defs.sensors import merchant_partitions, sync_requests
from mx_pipeline.defs.tidying import tidy_up, tidying

log_as_we_do()
defs = dg.Definitions(
    assets=[MX_PAYMENT, MX_INVOICE, merchant_sync, draw_clinic_figures, category_model],
    asset_checks=[no_anomaly],
    jobs=[sync_merchant, sync_round, look_for_anomalies, draw_figures, train_models, tidy_up, canary],
    schedules=[rounds, every_day, figures_of_the_day, models_of_the_week, tidying, every_quarter],
    sensors=[merchant_partitions, sync_requests, merchants_are_fresh, failed_runs],
    resources=resources,
    loggers={CONSOLE: as_we_log},
    executor=dg.in_process_executor,
)
