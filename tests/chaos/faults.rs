//! What happens to the workers and to the servers they need, on a seeded schedule.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use tokio::process::Command;

use crate::cluster::Cluster;
use crate::wire::Wire;

/// What can be broken besides the workers.
pub struct Surroundings {
    pub database: Wire,
    pub broker: Wire,
    /// The database server and the name of the test's own database in it.
    pub server: String,
    pub name: String,
    /// The folder of `scripts/services`, when the servers may be restarted.
    pub services: Option<PathBuf>,
}

/// What was done.
#[derive(Debug, Default)]
pub struct Done {
    pub cuts: u64,
    pub restarts: u64,
    /// When connections to the database broke.
    pub database_broke: Vec<Instant>,
}

/// How many kills lie between two restarts of a server.
const KILLS_PER_RESTART: usize = 40;

/// Kills `kills` workers, and breaks what they need in between.
pub async fn storm(cluster: &mut Cluster, around: &Surroundings, kills: usize, seed: u64) -> Done {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed ^ 0xfa);
    let mut done = Done::default();
    while cluster.killed.len() < kills {
        tokio::time::sleep(Duration::from_millis(rng.random_range(200..1800))).await;
        match rng.random_range(0..14) {
            0 => {
                around.database.cut();
                done.cuts += 1;
                done.database_broke.push(Instant::now());
            }
            1 => {
                around.terminate_backends().await;
                done.cuts += 1;
                done.database_broke.push(Instant::now());
            }
            2 | 3 => {
                around.broker.cut();
                done.cuts += 1;
            }
            _ => {
                cluster.kill(rng.random_range(0..cluster.size()));
                // Sometimes two at a time, sometimes one stays away for a while.
                if rng.random_bool(0.7) {
                    cluster.revive();
                }
                if cluster.killed.len().is_multiple_of(KILLS_PER_RESTART) && around.services.is_some() {
                    let server = ["postgres", "rabbitmq"][rng.random_range(0..2)];
                    done.database_broke.push(Instant::now());
                    around.restart(server).await;
                    done.database_broke.push(Instant::now());
                    done.restarts += 1;
                }
                continue;
            }
        }
        cluster.revive();
    }
    cluster.revive();
    done
}

impl Surroundings {
    /// What an operator does, or a failing server: every connection to the database ends in the middle of its work.
    async fn terminate_backends(&self) {
        let Ok(mut connection) = PgConnection::connect(&self.server).await else { return };
        let name = &self.name;
        let terminate = format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'");
        drop(connection.execute(AssertSqlSafe(terminate)).await);
    }

    async fn restart(&self, server: &str) {
        let Some(services) = &self.services else { return };
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/services");
        let status = Command::new(script).arg("restart").arg(services).arg(server).status().await.unwrap();
        assert!(status.success(), "{server} did not come back");
    }
}
