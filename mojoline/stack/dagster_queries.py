"""The GraphQL texts of `dagster_client`."""

_METADATA = """
metadataEntries{__typename label
 ... on TextMetadataEntry{text} ... on FloatMetadataEntry{floatValue} ... on IntMetadataEntry{intRepr}
 ... on BoolMetadataEntry{boolValue} ... on JsonMetadataEntry{jsonString} ... on MarkdownMetadataEntry{mdStr}
 ... on PathMetadataEntry{path} ... on UrlMetadataEntry{url}
 ... on TimestampMetadataEntry{timestampValue: timestamp}
 ... on JobMetadataEntry{jobName} ... on PipelineRunMetadataEntry{runId}
 ... on TableMetadataEntry{table{records}}}
"""
_ERROR = "error{message cause{message cause{message cause{message}}}}"

REPOSITORIES = """
{workspaceOrError{__typename
 ... on Workspace{locationEntries{name locationOrLoadError{__typename
  ... on PythonError{message}
  ... on RepositoryLocation{repositories{name jobs{name}}}}}}
 ... on PythonError{message}}}
"""

LAUNCH = """
mutation($params: ExecutionParams!){launchRun(executionParams: $params){__typename
 ... on LaunchRunSuccess{run{runId}}
 ... on RunConfigValidationInvalid{errors{message}}
 ... on PythonError{message} ... on UnauthorizedError{message} ... on PipelineNotFoundError{message}
 ... on InvalidSubsetError{message} ... on ConflictingExecutionParamsError{message}
 ... on PresetNotFoundError{message} ... on RunConflict{message}
 ... on NoModeProvidedError{message}}}
"""

RUN_STATUS = """
query($id: ID!){runOrError(runId: $id){__typename
 ... on Run{status} ... on RunNotFoundError{message} ... on PythonError{message}}}
"""

EVENTS = (
    """
query($id: ID!, $cursor: String){logsForRun(runId: $id, afterCursor: $cursor, limit: 500){__typename
 ... on EventConnection{cursor hasMore events{__typename
  ... on MessageEvent{message timestamp stepKey eventType}
  ... on MaterializationEvent{assetKey{path} """
    + _METADATA
    + """}
  ... on ObservationEvent{assetKey{path} """
    + _METADATA
    + """}
  ... on AssetCheckEvaluationEvent{evaluation{checkName success assetKey{path} """
    + _METADATA
    + """}}
  ... on ExecutionStepFailureEvent{"""
    + _ERROR
    + """} ... on RunFailureEvent{"""
    + _ERROR
    + """}}}
 ... on RunNotFoundError{message} ... on PythonError{message}}}
"""
)

LATEST = (
    """
query($key: AssetKeyInput!){assetOrError(assetKey: $key){__typename
 ... on Asset{assetMaterializations(limit: 1){runId timestamp """
    + _METADATA
    + """}}}}
"""
)

RUNS = """
query($statuses: [RunStatus!]){runsOrError(filter: {statuses: $statuses}){__typename
 ... on Runs{results{runId startTime updateTime repositoryOrigin{repositoryLocationName}}}}}
"""

CANCEL = "mutation($id: String!){terminateRun(runId: $id){__typename}}"

ABANDON = """
mutation($id: String!){terminateRun(runId: $id, terminatePolicy: MARK_AS_CANCELED_IMMEDIATELY){__typename}}
"""

FREE_SLOTS = "mutation($id: String!){freeConcurrencySlots(runId: $id)}"
