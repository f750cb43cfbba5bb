/* How an attempt of a job is started: program, arguments, environment, directory. */
#ifndef HERO_PROC_SERVER_JOB_COMMAND_H
#define HERO_PROC_SERVER_JOB_COMMAND_H

#include "server/job.h"
#include "server/spawn.h"

struct job_command {
    struct spawn_command spawn;
    char **argv, **envp;
    char *path, *script;
};

/* rhai, and bash when the script is long, read it from a file in the run directory. {{name}} in the
 * script stands for an input of the job. *command must be ended with job_command_done, also after
 * an error. */
int job_command_make(struct job_command *command, const struct job *job, const char *mark,
                     struct rpc_error *err);
void job_command_done(struct job_command *command);
/* The file, once the job has ended. */
void job_command_remove_script(const struct job *job);

#endif
