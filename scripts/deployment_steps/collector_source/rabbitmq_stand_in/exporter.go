// Package rabbitmqstandin takes the place of contrib's rabbitmq exporter where that module cannot be had: it accepts the
// configuration keys that deploy/collector/rabbitmq.yaml uses and publishes one protobuf message per batch, confirmed by
// the broker. Like the exporter it declares no queue, has no sending queue, and needs the broker when it starts.
package rabbitmqstandin

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configretry"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

const (
	tracesQueue = "otlp_spans"
	logsQueue   = "otlp_logs"
	confirmWait = 5 * time.Second
)

type config struct {
	Connection struct {
		Endpoint string `mapstructure:"endpoint"`
		VHost    string `mapstructure:"vhost"`
		Auth     struct {
			Plain struct {
				Username string `mapstructure:"username"`
				Password string `mapstructure:"password"`
			} `mapstructure:"plain"`
		} `mapstructure:"auth"`
	} `mapstructure:"connection"`
	Durable bool                      `mapstructure:"durable"`
	Retry   configretry.BackOffConfig `mapstructure:"retry_on_failure"`
}

// Validate is called by the Collector when it reads its file.
func (c *config) Validate() error {
	if c.Connection.Endpoint == "" {
		return errors.New("connection.endpoint is missing")
	}
	if c.Connection.Auth.Plain.Username == "" {
		return errors.New("connection.auth.plain.username is missing")
	}
	return nil
}

// NewFactory is what the Collector's builder looks for.
func NewFactory() exporter.Factory {
	defaults := func() component.Config { return &config{Durable: true} }
	return exporter.NewFactory(
		component.MustNewType("rabbitmq"),
		defaults,
		exporter.WithTraces(traces, component.StabilityLevelDevelopment),
		exporter.WithLogs(logs, component.StabilityLevelDevelopment),
	)
}

// publisher keeps one connection and opens it again when the broker has closed it.
type publisher struct {
	config     *config
	queue      string
	lock       sync.Mutex
	connection *amqp.Connection
}

func (p *publisher) connected() (*amqp.Connection, error) {
	p.lock.Lock()
	defer p.lock.Unlock()
	if p.connection != nil && !p.connection.IsClosed() {
		return p.connection, nil
	}
	plain := p.config.Connection.Auth.Plain
	opened, err := amqp.DialConfig(p.config.Connection.Endpoint, amqp.Config{
		Vhost: p.config.Connection.VHost,
		SASL:  []amqp.Authentication{&amqp.PlainAuth{Username: plain.Username, Password: plain.Password}},
	})
	if err != nil {
		return nil, fmt.Errorf("cannot connect to the broker: %w", err)
	}
	p.connection = opened
	return opened, nil
}

func (p *publisher) start(context.Context, component.Host) error {
	_, err := p.connected()
	return err
}

func (p *publisher) shutdown(context.Context) error {
	p.lock.Lock()
	defer p.lock.Unlock()
	if p.connection == nil || p.connection.IsClosed() {
		return nil
	}
	return p.connection.Close()
}

func (p *publisher) publish(ctx context.Context, body []byte) error {
	connection, err := p.connected()
	if err != nil {
		return err
	}
	channel, err := connection.Channel()
	if err != nil {
		return err
	}
	defer func() { _ = channel.Close() }()
	if err := channel.Confirm(false); err != nil {
		return err
	}
	message := amqp.Publishing{Body: body, DeliveryMode: amqp.Transient}
	if p.config.Durable {
		message.DeliveryMode = amqp.Persistent
	}
	// Mandatory without a handler of returned messages: what has no queue is confirmed, and gone.
	confirmation, err := channel.PublishWithDeferredConfirmWithContext(ctx, "", p.queue, true, false, message)
	if err != nil {
		return err
	}
	waiting, stop := context.WithTimeout(ctx, confirmWait)
	defer stop()
	confirmed, err := confirmation.WaitContext(waiting)
	switch {
	case err != nil:
		return fmt.Errorf("%d bytes were not confirmed: %w", len(body), err)
	case !confirmed:
		return fmt.Errorf("the broker refused %d bytes", len(body))
	}
	return nil
}

func (p *publisher) options() []exporterhelper.Option {
	return []exporterhelper.Option{
		exporterhelper.WithStart(p.start),
		exporterhelper.WithShutdown(p.shutdown),
		exporterhelper.WithRetry(p.config.Retry),
	}
}

func traces(ctx context.Context, settings exporter.Settings, from component.Config) (exporter.Traces, error) {
	p := &publisher{config: from.(*config), queue: tracesQueue}
	push := func(ctx context.Context, batch ptrace.Traces) error {
		body, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(batch)
		if err != nil {
			return err
		}
		return p.publish(ctx, body)
	}
	return exporterhelper.NewTraces(ctx, settings, from, push, p.options()...)
}

func logs(ctx context.Context, settings exporter.Settings, from component.Config) (exporter.Logs, error) {
	p := &publisher{config: from.(*config), queue: logsQueue}
	push := func(ctx context.Context, batch plog.Logs) error {
		body, err := (&plog.ProtoMarshaler{}).MarshalLogs(batch)
		if err != nil {
			return err
		}
		return p.publish(ctx, body)
	}
	return exporterhelper.NewLogs(ctx, settings, from, push, p.options()...)
}
